"""Whether two records speak of one child: what is compared, and how."""

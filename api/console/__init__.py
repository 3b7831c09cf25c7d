"""The console: pages for people with a browser, one module a group of pages.

Invariant: a page shows a child only through ``show`` or ``show_many``, and changes something only by the same calls of
the ledger as the API, under the same action of the policy. Pages are rendered here, in English and Spanish, are whole
without a script, and load nothing from another host.

``pages`` renders, ``visits`` says who looks, ``words`` and ``formats`` speak both languages, ``navigation`` says what
there is for whom. Templates are in ``templates``, what a browser loads beside a page in ``static``, and what the pages
say in Spanish in ``words/es``.
"""

"""Names of the sample's invented families, and what is taught, tested and given at school. Tables and nothing else.

The lists are our own: common given names and surnames of the communities that the migrant programs serve, put together
by chance. Nobody is meant.
"""

from __future__ import annotations

from typing import Final, NamedTuple


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.replace("_", " ") for word in text.split())


class Community(NamedTuple):
    """Where a family comes from. surnames_given: 2 where children bear the father's and the mother's, else 1.

    origins: city, part of the country, country; places abroad, or at home for who was born here.
    """

    share: float
    girls: tuple[str, ...]
    boys: tuple[str, ...]
    surnames: tuple[str, ...]
    surnames_given: int
    origins: tuple[tuple[str, str, str], ...]
    speaks_english: bool = False


_MEXICAN_GIRLS: Final = _words(
    "María Ana Guadalupe Rosa Daniela Ximena Fernanda Valentina Camila Lucía Sofía Isabel Yesenia Araceli Noemí"
    " Leticia Marisol Itzel Citlali Yaretzi Brenda Karina Esmeralda Perla Griselda Elvira Catarina Juana Alejandra"
    " Emily Ashley Jennifer Kimberly Nayeli Dulce Jazmín Abigail Liliana Verónica Estefanía Rocío Alma Flor Elizabeth"
    " Angélica Gabriela Patricia Beatriz Adriana Mónica Natalia Renata Regina Mariana Paola Evelyn Melissa Concepción"
)
_MEXICAN_BOYS: Final = _words(
    "José Juan Luis Carlos Miguel Ángel Jesús Francisco Alejandro Diego Mateo Santiago Sebastián Emiliano Isaí"
    " Brayan Kevin Cristian Édgar Óscar Héctor Raúl Rubén Adrián Iván Joaquín Tomás Andrés Martín Pedro Antonio"
    " Moisés Noé Ezequiel Gerardo Rogelio Efraín Uriel Abel Fidel Ismael Manuel Eduardo Ricardo Roberto Fernando"
    " Leonardo Daniel David Jonathan Alan Omar Saúl Arturo Enrique Javier Ignacio Salvador Rafael Ramiro Gilberto"
)
_MEXICAN_SURNAMES: Final = _words(
    "García Hernández Martínez López González Pérez Rodríguez Sánchez Ramírez Cruz Flores Gómez Morales Vásquez"
    " Reyes Jiménez Torres Díaz Gutiérrez Ruiz Mendoza Aguilar Ortiz Castillo Romero Álvarez Méndez Chávez Rivera"
    " Juárez Ramos Domínguez Herrera Medina Castro Vargas Guzmán Velázquez Muñoz Rojas Contreras Salazar Luna"
    " Ortega Guerrero Bautista Estrada Lara Ríos Ávila Cortés Navarro Campos Vega Sandoval Carrillo León Peña"
    " Ordóñez Zavala Cervantes Pacheco Espinoza Maldonado Nava Ibarra Trejo Arroyo Zúñiga Solís Osorio Cisneros"
    " Montes Barajas Villa Quintero Acosta Bravo Cabrera Duarte Escobar Figueroa Galván Huerta Islas Magaña Mejía"
    " Rangel Tapia Valencia Villaseñor Ochoa Palacios Cárdenas Fuentes Salgado Suárez Serrano Meza Rosales Macías"
    " de_la_Cruz de_la_Torre de_Jesús de_León del_Río del_Ángel de_los_Santos de_la_Rosa"
)
_VILLAGE_GIRLS: Final = _words(
    "Petrona Micaela Juana Catarina Dominga Paulina Eulalia Angelina Florencia Hermelinda Macaria Reyna Celestina"
    " Lucía Margarita Natividad Rufina Tomasa Yolanda Zenaida Maribel Yareli Guadalupe Magdalena Isabel Agustina"
)
_VILLAGE_BOYS: Final = _words(
    "Domingo Gaspar Anselmo Wilber Baltazar Eusebio Felipe Gaudencio Hilario Isidro Lorenzo Marcelino Nicolás Pascual"
    " Plácido Rufino Simón Tiburcio Vicente Zeferino Diego Mateo Juan Miguel Maynor Rony Elmer Selvin Yovani Cirilo"
)
_OAXACAN_SURNAMES: Final = _words(
    "López Santiago Martínez Bautista Ramírez Vásquez Sánchez Ortiz Merino Guzmán Gómez Flores Mendoza Velasco Cruz"
    " Ventura Feria Morales Silva Rojas Reyes Aguilar Zaragoza Hernández Cisneros Montes Villegas Avendaño Pacheco"
    " Solano Celestino Nicolás Isidro Bolaños Leyva Rosales de_Jesús"
)
_GUATEMALAN_SURNAMES: Final = _words(
    "Pablo Matías Ramón Jerónimo Pascual Sebastián Andrés Lucas Felipe Marcos Ventura Tomás Domingo Jiménez Mendoza"
    " Velásquez Calmo Chávez Ramos Carrillo Aguilar Ortiz Sales Cardona Bámaca Ajanel Chun Tzoc Xiloj Tum Itzep Ixcoy"
    " Raymundo Brito Ceto Cobo Raxcacó Escalante Godínez López Pérez de_León"
)

COMMUNITIES: Final = (
    Community(
        0.56,
        _MEXICAN_GIRLS,
        _MEXICAN_BOYS,
        _MEXICAN_SURNAMES,
        2,
        (
            ("Zamora", "MIC", "MEX"),
            ("Apatzingán", "MIC", "MEX"),
            ("Irapuato", "GUA", "MEX"),
            ("Autlán", "JAL", "MEX"),
            ("Reynosa", "TAM", "MEX"),
            ("Río Verde", "SLP", "MEX"),
            ("Chilapa", "GRO", "MEX"),
            ("Jerez", "ZAC", "MEX"),
        ),
    ),
    Community(
        0.15,
        _VILLAGE_GIRLS + _MEXICAN_GIRLS[:20],
        _VILLAGE_BOYS + _MEXICAN_BOYS[:20],
        _OAXACAN_SURNAMES,
        2,
        (
            ("Tlaxiaco", "OAX", "MEX"),
            ("Juxtlahuaca", "OAX", "MEX"),
            ("San Juan Copala", "OAX", "MEX"),
            ("Huajuapan de León", "OAX", "MEX"),
            ("Tlapa de Comonfort", "GRO", "MEX"),
        ),
    ),
    Community(
        0.13,
        _VILLAGE_GIRLS,
        _VILLAGE_BOYS,
        _GUATEMALAN_SURNAMES,
        2,
        (
            ("Huehuetenango", "HU", "GTM"),
            ("Todos Santos Cuchumatán", "HU", "GTM"),
            ("Quetzaltenango", "QZ", "GTM"),
            ("Nebaj", "QC", "GTM"),
        ),
    ),
    Community(
        0.06,
        _words("Emma Olivia Hannah Madison Grace Kayla Savannah Brooke Chloe Lily Katherine Elizabeth Abby Faith"),
        _words("James William Tyler Cody Jacob Ethan Mason Logan Robert Michael Joseph Thomas Wyatt Levi Christopher"),
        _words(
            "Smith Johnson Miller Davis Wilson Carter Walker Hughes Bailey Cooper Brooks Turner O'Brien McCoy Hayes"
        ),
        1,
        (("Corbin", "KY", "USA"), ("Poteau", "OK", "USA"), ("Harlan", "KY", "USA")),
        speaks_english=True,
    ),
    Community(
        0.04,
        _words("Marie Rose Guerline Fabiola Nadège Mirlande Esther Widline Roseline Daphnée Judeline Carline"),
        _words("Jean Pierre Wilner Ronald Jean-Robert Stanley Frantz Emmanuel Woodley Jameson Jean-Claude Kervens"),
        _words("Jean-Baptiste Pierre Joseph Louis Charles Saint-Louis Desir Toussaint Augustin Noël Célestin Estimé"),
        1,
        (("Les Cayes", "SD", "HTI"), ("Gonaïves", "AR", "HTI"), ("Cap-Haïtien", "ND", "HTI")),
    ),
    Community(
        0.03,
        _words("Neimon Risa Hemity Takbar Jolina Bwina Rosina Mona Lucky Emty Kathrina Cindy"),
        _words("Alik Handy Jorlik Ranny Billy Hemos Wilson Anton Johnny Carlmai Rubon Neibanjan"),
        _words("Jibas Lokebar Anitok Lometo Jelke Kabua Langrine Bokmej Nathan Riklon Samuel Ned Aikuj Laukon"),
        1,
        (("Majuro", "MAJ", "MHL"), ("Ebeye", "KWA", "MHL")),
    ),
    Community(
        0.03,
        _words("Mai Pa Yer Kia Bao See Ka Nou Gao Maiv Xee Chue Sheng Paj"),
        _words("Tou Kou Chong Pao Xeng Fue Toua Meng Bee Yeng Cheng Long Vang Ger"),
        _words("Vang Yang Xiong Lee Moua Thao Her Lor Vue Cha Hang Kue Khang"),
        1,
        (("Vientiane", "VT", "LAO"), ("Xieng Khouang", "XI", "LAO"), ("Fresno", "CA", "USA")),
    ),
)

SHORT_FORMS: Final = {
    "José": "Pepe",
    "Francisco": "Paco",
    "Guadalupe": "Lupe",
    "Alejandro": "Alex",
    "Alejandra": "Ale",
    "Daniela": "Dani",
    "Daniel": "Danny",
    "Miguel": "Mike",
    "Isabel": "Chabela",
    "Jesús": "Chuy",
    "Rosa": "Rosie",
    "Fernanda": "Fer",
    "Ignacio": "Nacho",
    "Enrique": "Quique",
    "Roberto": "Beto",
    "Manuel": "Manny",
    "Eduardo": "Lalo",
    "Antonio": "Toño",
    "Concepción": "Concha",
    "Gabriela": "Gaby",
    "Patricia": "Paty",
    "Elizabeth": "Liz",
    "Christopher": "Chris",
    "William": "Will",
    "Katherine": "Kathy",
    "James": "Jimmy",
    "Robert": "Bobby",
}
"""What a school may have written down instead."""


class Course(NamedTuple):
    """title, subject: as states write them. full_year: one course of 1 credit, else two halves of 0.5 each."""

    title: str
    subject: str
    full_year: bool


COURSES: Final = {
    9: (
        Course("English 9", "English language", False),
        Course("Algebra I", "Mathematics", True),
        Course("Biology", "Science", True),
        Course("World Geography", "Social science", False),
        Course("Physical Education", "Physical education", False),
        Course("Spanish for Heritage Speakers", "World languages", True),
    ),
    10: (
        Course("English 10", "English language", False),
        Course("Geometry", "Mathematics", True),
        Course("Chemistry", "Science", True),
        Course("World History", "Social science", False),
        Course("Health", "Health education", False),
        Course("Welding I", "Vocational", True),
    ),
    11: (
        Course("English 11", "English language", False),
        Course("Algebra II", "Mathematics", True),
        Course("Physics", "Science", True),
        Course("U.S. History", "Social science", False),
        Course("Agricultural Science", "Vocational", True),
        Course("Art I", "Arts", False),
    ),
    12: (
        Course("English 12", "English language", False),
        Course("Statistics", "Mathematics", False),
        Course("Environmental Science", "Science", False),
        Course("Government", "Social science", False),
        Course("Economics", "Social science", False),
        Course("Career Planning", "Vocational", False),
    ),
}
"""By grade. Section A is the fall, section B the spring."""

TESTS: Final = (
    ("Mathematics", "Mathematics", "09"),
    ("English Language Arts", "English language", "10"),
    ("Science", "Science", "11"),
)
LANGUAGE_TEST: Final = ("English Language Proficiency", "English language", "01")
INTERPRETED: Final = ("Not Proficient", "Below Basic", "Basic", "Proficient", "Advanced")
"""From the list of the layout; the score of 1 to 5 says which."""

SHOTS: Final = (("08", 1), ("20", 65), ("10", 66), ("03", 370), ("21", 372), ("83", 380), ("115", 4050), ("165", 4060))
"""CVX code, and the age in days at which it is usually given."""

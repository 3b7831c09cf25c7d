"""Names, towns and schools of the sample's invented families. Tables and nothing else.

Names are common ones of Mexico, Guatemala and the United States, put together by chance; towns are where seasonal work
is; schools and districts are made up, with numbers that only have the form of the national ones.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


GIRLS: Final = _words(
    "María Ana Guadalupe Rosa Daniela Ximena Fernanda Valentina Camila Lucía Sofía Isabel Yesenia Araceli Noemí"
    " Leticia Marisol Itzel Citlali Yaretzi Brenda Karina Esmeralda Perla Griselda Elvira Catarina Juana Petrona"
    " Micaela Emily Ashley Jennifer Kimberly Nayeli Dulce Jazmín Abigail Liliana Verónica Estefanía Rocío Alma Flor"
)
BOYS: Final = _words(
    "José Juan Luis Carlos Miguel Ángel Jesús Francisco Alejandro Diego Mateo Santiago Sebastián Emiliano Isaí"
    " Wilber Brayan Kevin Cristian Édgar Óscar Héctor Raúl Rubén Adrián Iván Joaquín Tomás Andrés Martín Pedro"
    " Domingo Gaspar Anselmo Moisés Noé Ezequiel Gerardo Rogelio Efraín Uriel Abel Fidel Ismael"
)
SURNAMES: Final = _words(
    "García Hernández Martínez López González Pérez Rodríguez Sánchez Ramírez Cruz Flores Gómez Morales Vásquez"
    " Reyes Jiménez Torres Díaz Gutiérrez Ruiz Mendoza Aguilar Ortiz Castillo Romero Álvarez Méndez Chávez Rivera"
    " Juárez Ramos Domínguez Herrera Medina Castro Vargas Guzmán Velázquez Muñoz Rojas Contreras Salazar Luna "
    " Ortega Santiago Guerrero Bautista Estrada Lara Ríos Ávila Cortés Navarro Campos Vega Sandoval Carrillo León Peña"
    " Ordóñez Zavala Cervantes Pacheco Espinoza Maldonado Nava Ibarra Trejo Arroyo Zúñiga Tomás Pablo Matías Ramón"
    " Jerónimo Pascual Sebastián Andrés Lucas Felipe Marcos Ventura Solís Osorio Cisneros Montes Barajas Villa"
    " Quintero Acosta Bravo Cabrera Duarte Escobar Figueroa Galván Huerta Islas"
)
SHORT_FORMS: Final = {
    "José": "Pepe",
    "Francisco": "Paco",
    "Guadalupe": "Lupe",
    "Alejandro": "Alex",
    "Daniela": "Dani",
    "Miguel": "Mike",
    "Isabel": "Chabela",
    "Jesús": "Chuy",
    "Rosa": "Rosie",
    "Santiago": "Santi",
    "Fernanda": "Fer",
}
"""What a school may have written down instead."""

ORIGINS: Final = (
    ("Tlaxiaco", "OAX", "MEX"),
    ("Juxtlahuaca", "OAX", "MEX"),
    ("Huajuapan de León", "OAX", "MEX"),
    ("Zamora", "MIC", "MEX"),
    ("Apatzingán", "MIC", "MEX"),
    ("Tlapa de Comonfort", "GRO", "MEX"),
    ("Chilapa", "GRO", "MEX"),
    ("Irapuato", "GUA", "MEX"),
    ("Autlán", "JAL", "MEX"),
    ("Reynosa", "TAM", "MEX"),
    ("Huehuetenango", "HU", "GTM"),
    ("Todos Santos Cuchumatán", "HU", "GTM"),
    ("Quetzaltenango", "QZ", "GTM"),
)
"""City, part of the country as ISO 3166-2 has it, country."""

TOWNS: Final = {
    "OR": ("Woodburn", "Hood River", "Hermiston", "Ontario", "Nyssa", "Medford", "Forest Grove", "Independence"),
    "CA": ("Madera", "Salinas", "Watsonville", "Oxnard", "Delano", "Santa Maria", "Lodi", "Brawley"),
    "TX": ("Weslaco", "Edinburg", "Eagle Pass", "Hereford", "Pharr", "Laredo", "Rio Grande City", "Dimmitt"),
    "WA": ("Yakima", "Wenatchee", "Pasco", "Othello", "Mount Vernon", "Sunnyside", "Quincy", "Toppenish"),
    "FL": ("Immokalee", "Homestead", "Wauchula", "Plant City", "LaBelle", "Arcadia", "Belle Glade", "Clewiston"),
}
TOWNS_ELSEWHERE: Final = ("Riverton", "Fairview", "Oak Grove", "Cedar Valley", "Mill Creek", "Orchard Park")

COURSES: Final = (
    ("Algebra I", "Mathematics"),
    ("Geometry", "Mathematics"),
    ("English 9", "English language"),
    ("English 10", "English language"),
    ("Biology", "Science"),
    ("World History", "Social science"),
    ("Spanish for Heritage Speakers", "World languages"),
    ("Health", "Health education"),
    ("Welding I", "Vocational"),
)
TESTS: Final = (
    ("State Mathematics", "Mathematics", "09"),
    ("State English Language Arts", "English language", "10"),
    ("State Science", "Science", "11"),
    ("State English Language Proficiency", "English language", "01"),
)
INTERPRETED: Final = ("Proficient", "Not Proficient", "Basic", "Below Basic", "Advanced")

SHOTS: Final = (("08", 1), ("20", 65), ("10", 66), ("03", 370), ("21", 372), ("83", 380), ("115", 4050), ("165", 4060))
"""CVX code, and the age in days at which it is usually given."""

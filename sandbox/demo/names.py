"""First and last names by country, each with how it is spelled in an address."""

Spelled = tuple[str, str]


def _spelled(words: str, spellings: str) -> tuple[Spelled, ...]:
    names = (word.replace("_", " ") for word in words.split())
    return tuple(zip(names, spellings.split(), strict=True))


NAMES: dict[str, tuple[tuple[Spelled, ...], tuple[Spelled, ...]]] = {
    "US": (
        _spelled(
            "Olivia James Charlotte Henry Amelia Theodore Evelyn Jack Harper Levi "
            "Abigail Mason Ella Ethan Scarlett Logan Aria Owen Nora Caleb Hazel Wyatt "
            "Luna Julian Stella Isaac Violet Gabriel Aurora Anthony Naomi Dylan Ruby "
            "Leo Alice Lincoln Keisha Darius Imani Malik Rosa Diego Camila Mateus Mei "
            "Wei Jin Anjali Ravi Fatima",
            "olivia james charlotte henry amelia theodore evelyn jack harper levi "
            "abigail mason ella ethan scarlett logan aria owen nora caleb hazel wyatt "
            "luna julian stella isaac violet gabriel aurora anthony naomi dylan ruby "
            "leo alice lincoln keisha darius imani malik rosa diego camila mateus mei "
            "wei jin anjali ravi fatima",
        ),
        _spelled(
            "Anderson Baker Carter Davis Edwards Foster Garcia Hughes Irving Jackson "
            "Keller Lopez Morgan Nelson Ortiz Parker Quinn Reed Sanders Turner "
            "Underwood Vasquez Walker Xiong Young Zimmerman Bennett Coleman Diaz Ellis "
            "Fisher Grant Hayes Jenkins Knight Lawson Murphy Nguyen Owens Price",
            "anderson baker carter davis edwards foster garcia hughes irving jackson "
            "keller lopez morgan nelson ortiz parker quinn reed sanders turner "
            "underwood vasquez walker xiong young zimmerman bennett coleman diaz ellis "
            "fisher grant hayes jenkins knight lawson murphy nguyen owens price",
        ),
    ),
    "CA": (
        _spelled(
            "Liam Maya Noémie Connor Élodie Tyler Priyanka Marc",
            "liam maya noemie connor elodie tyler priyanka marc",
        ),
        _spelled(
            "Tremblay Gagnon MacDonald Singh Roy Wong Campbell Bouchard Leblanc",
            "tremblay gagnon macdonald singh roy wong campbell bouchard leblanc",
        ),
    ),
    "AU": (
        _spelled(
            "Lachlan Matilda Angus Isla Cooper Georgia",
            "lachlan matilda angus isla cooper georgia",
        ),
        _spelled(
            "Kelly Robertson Nguyen Mitchell Fraser Hartley O'Brien",
            "kelly robertson nguyen mitchell fraser hartley obrien",
        ),
    ),
    "MX": (
        _spelled(
            "Valentina Santiago Ximena Emiliano Renata",
            "valentina santiago ximena emiliano renata",
        ),
        _spelled(
            "Hernández González Ramírez Torres Flores Rivera",
            "hernandez gonzalez ramirez torres flores rivera",
        ),
    ),
    "DE": (
        _spelled(
            "Lena Jonas Mia Felix Clara Maximilian Johanna Lukas Greta Moritz Frieda Anton",
            "lena jonas mia felix clara maximilian johanna lukas greta moritz frieda anton",
        ),
        _spelled(
            "Weber Fischer Schäfer Köhler Hoffmann Bauer Richter Groß Vogel Krüger "
            "Lehmann Böhm Neumann",
            "weber fischer schafer kohler hoffmann bauer richter gross vogel kruger "
            "lehmann bohm neumann",
        ),
    ),
    "FR": (
        _spelled(
            "Camille Hugo Manon Théo Inès Baptiste Léa Étienne Margaux Raphaël",
            "camille hugo manon theo ines baptiste lea etienne margaux raphael",
        ),
        _spelled(
            "Moreau Laurent Garnier Lefebvre Roussel Fournier Mercier François "
            "Chevalier Gauthier Perrin",
            "moreau laurent garnier lefebvre roussel fournier mercier francois "
            "chevalier gauthier perrin",
        ),
    ),
    "IT": (
        _spelled(
            "Francesca Alessandro Chiara Matteo Elena Davide",
            "francesca alessandro chiara matteo elena davide",
        ),
        _spelled(
            "Ricci Marino Greco Bruno Gallo De_Luca Ferrara",
            "ricci marino greco bruno gallo deluca ferrara",
        ),
    ),
    "ES": (
        _spelled(
            "Lucía Pablo Carmen Álvaro Martina Javier",
            "lucia pablo carmen alvaro martina javier",
        ),
        _spelled(
            "Sánchez Romero Navarro Iglesias Ortega Peña Castillo",
            "sanchez romero navarro iglesias ortega pena castillo",
        ),
    ),
    "NL": (
        _spelled(
            "Sanne Daan Femke Bram Lotte",
            "sanne daan femke bram lotte",
        ),
        _spelled(
            "de_Vries Bakker Visser Smit Meijer van_Dijk",
            "devries bakker visser smit meijer vandijk",
        ),
    ),
    "GB": (
        _spelled(
            "Poppy Alfie Imogen Rhys Freya Callum Beatrice Hamish Niamh Rupert",
            "poppy alfie imogen rhys freya callum beatrice hamish niamh rupert",
        ),
        _spelled(
            "Ashworth Pemberton Llewellyn Fraser Whitaker Clarke Okonkwo Patel "
            "Hargreaves Sinclair Doyle",
            "ashworth pemberton llewellyn fraser whitaker clarke okonkwo patel "
            "hargreaves sinclair doyle",
        ),
    ),
    "IE": (
        _spelled(
            "Saoirse Cillian Aoife Oisín",
            "saoirse cillian aoife oisin",
        ),
        _spelled(
            "Byrne Gallagher Ní_Bhriain Doherty Walsh",
            "byrne gallagher nibhriain doherty walsh",
        ),
    ),
    "JP": (
        _spelled(
            "美咲 翔太 さくら 健太 陽菜 大輔 結衣 拓也",
            "misaki shota sakura kenta hina daisuke yui takuya",
        ),
        _spelled(
            "鈴木 高橋 伊藤 渡辺 山本 中村 小林 加藤 吉田",
            "suzuki takahashi ito watanabe yamamoto nakamura kobayashi kato yoshida",
        ),
    ),
}

STATES: tuple[tuple[str, int], ...] = (
    ("CA", 12),
    ("NY", 9),
    ("TX", 8),
    ("FL", 6),
    ("WA", 5),
    ("IL", 5),
    ("PA", 4),
    ("OH", 4),
    ("GA", 4),
    ("NC", 4),
    ("MA", 4),
    ("CO", 3),
    ("OR", 3),
    ("AZ", 3),
    ("MN", 3),
    ("VA", 3),
    ("NJ", 3),
    ("MI", 3),
)
"""Where customers in the United States live, by weight."""

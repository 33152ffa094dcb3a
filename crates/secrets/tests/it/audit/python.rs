//! Python.

use towpath_secrets::audit::Language;

use super::assert_table;

#[test]
fn reads_are_found_and_nothing_else() {
    assert_table(
        Language::Python,
        &[
            // By all their names.
            (
                "import os\nos.environ['X']\nos.getenv(\"Y\")\nos.environ.get('Z')",
                "X Y Z",
            ),
            ("import os as o, sys\no.environ['X']", "X"),
            (
                "from os import environ, getenv\nenviron['X']; getenv('Y')",
                "X Y",
            ),
            (
                "from os import environ as e, getenv as g\ne.get('X'); g('Y')",
                "X Y",
            ),
            ("from os import *\nenviron['X']; getenv('Y')", "X Y"),
            ("import os.path\nos.environ['X']", "X"),
            (
                "import os\nenv = os.environ\nenv['X']\nget = os.environ.get\nget('Y')",
                "X Y",
            ),
            ("import os\ndef f(env=os.environ): return env['X']", "X"),
            ("os.environb[b'X']; os.getenvb(b'Y')", "X Y"),
            ("f\"{os.environ['X']}\"", "X"),
            (
                "class A:\n  x: str = os.environ['X']\n  y = field(default_factory=lambda: os.getenv('Y'))",
                "X Y",
            ),
            // Defaults.
            (
                "os.environ.get('X', 'x'); os.getenv('Y', default='y'); os.getenv('Z', None)",
                "X? Y? Z",
            ),
            (
                "os.environ.get('X') or 'x'; a or os.environ.get('Y')",
                "X? Y",
            ),
            ("os.getenv('X') or os.getenv('Y') or 'z'", "X? Y?"),
            (
                "os.environ.setdefault('X', 'x'); os.environ.pop('Y'); os.environ.pop('Z', None)",
                "X? Y Z?",
            ),
            ("'X' in os.environ; 'Y' not in os.environ", "X? Y?"),
            (
                "1 if os.getenv('X') else 2; os.getenv('Y') if a else b",
                "X? Y",
            ),
            ("os.getenv(key='X')", "X"),
            // Names that are not literals.
            ("KEY = 'X'\nos.environ[KEY]", "X"),
            ("def f(): return os.environ[KEY]\nKEY: str = 'X'", "X"),
            ("KEY = 'X'\nKEY = 'Y'\nos.environ[KEY]", "-"),
            ("KEY = 'X'\ndef f(KEY): return os.environ[KEY]", "-"),
            ("for key in keys:\n  os.environ[key]", "-"),
            (
                "os.environ['A' + b]; os.environ[f'A_{b}']; os.environ['A' 'B']",
                "- - -",
            ),
            // What is no read.
            (
                "os.environ['X'] = 'x'\ndel os.environ['Y']\ndel os.environ['Z'], a",
                "",
            ),
            (
                "# os.environ['X']\n'''os.environ['Y']'''\n\"os.getenv('Z')\"",
                "",
            ),
            (
                "from .os import environ\nenviron['X']\nfrom a import getenv\ngetenv('Y')",
                "",
            ),
            ("def f(os): return os.environ['X']", ""),
            (
                "environ['X']; getenv('Y'); a.os.environ['Z']; os.environ.copy()",
                "",
            ),
            // Mistakes.
            ("def f(:\n  pass\nx = = 3\nos.environ['X']", "X"),
            ("if os.environ['X']\n  b()", "X"),
        ],
    );
}

//! Go.

use towpath_secrets::audit::Language;

use super::assert_table;

#[test]
fn reads_are_found_and_nothing_else() {
    assert_table(
        Language::Go,
        &[
            (r#"package a; import "os"; var x = os.Getenv("X")"#, "X"),
            ("package a; import \"os\"; var x = os.Getenv(`X`)", "X"),
            (
                r#"package a; import o "os"; func f() { o.Getenv("X"); o.LookupEnv("Y") }"#,
                "X Y",
            ),
            (
                r#"package a; import ("fmt"; . "os"); func f() { Getenv("X") }"#,
                "X",
            ),
            (
                r#"package a; import "syscall"; func f() { v, ok := syscall.Getenv("X") }"#,
                "X",
            ),
            (
                r#"package a; func f() { if v, ok := os.LookupEnv("X"); ok { return } }"#,
                "X",
            ),
            (r#"package a; func f() { get := os.Getenv; get("X") }"#, "X"),
            // Names that are not literals.
            (
                r#"package a; const K = "X"; func f() { os.Getenv(K) }"#,
                "X",
            ),
            (
                r#"package a; func f() { os.Getenv(B) }; const ( A, B = "X", "Y"; C = iota )"#,
                "Y",
            ),
            (
                r#"package a; const K = "X"; func f(K string) { os.Getenv(K) }"#,
                "-",
            ),
            (
                r#"package a; func f(k string) { os.Getenv(k); os.Getenv("A" + k) }"#,
                "- -",
            ),
            (
                r#"package a; func f() { k := "X"; os.Getenv(k); for _, k := range ks { os.Getenv(k) } }"#,
                "- -",
            ),
            // Defaults.
            (
                r#"package a; import "cmp"; var x = cmp.Or(os.Getenv("X"), "x")"#,
                "X?",
            ),
            (
                r#"package a; import "cmp"; var x = cmp.Or(a, os.Getenv("X"))"#,
                "X",
            ),
            // Tags.
            (
                "package a; type T struct { A string `json:\"a\" env:\"X,required\"`; B int `env:\"Y\" envDefault:\"1\"` }",
                "X Y?",
            ),
            (r#"package a; type T struct { A string "env:\"X\"" }"#, "X"),
            (
                "package a; type T struct { A string `env:\"X, default=1\"`; B string `env:\"-\"`; C string `json:\"env\"` }",
                "X?",
            ),
            // What is no read.
            (
                r#"package a; func f() { os.Setenv("X", "x"); os.Unsetenv("X"); os.Environ() }"#,
                "",
            ),
            (
                r#"package a; import "example.com/os"; func f() { os.Getenv("X") }"#,
                "",
            ),
            (
                r#"package a; func f(os T) { os.Getenv("X"); a.os.Getenv("Y"); Getenv("Z") }"#,
                "",
            ),
            (
                "package a; // os.Getenv(\"X\")\n/* os.Getenv(\"Y\") */ var x = `os.Getenv(\"Z\")`",
                "",
            ),
            // Mistakes.
            (
                r#"package a; func f( { }; func g() { os.Getenv("X") }"#,
                "X",
            ),
            (r#"func g() { x := os.Getenv("X") + "#, "X"),
        ],
    );
}

//! Rust.

use towpath_secrets::audit::Language;

use super::assert_table;

#[test]
fn reads_are_found_and_nothing_else() {
    assert_table(
        Language::Rust,
        &[
            // The functions, by all their names.
            (r#"fn f() { std::env::var("X"); }"#, "X"),
            (r#"fn f() { ::std::env::var_os("X"); }"#, "X"),
            (r#"use std::env; fn f() { env::var("X"); }"#, "X"),
            (r#"use std::env::var; fn f() { var("X"); }"#, "X"),
            (
                r#"use std::env::{self as e, var as read}; fn f() { e::var("X"); read("Y"); }"#,
                "X Y",
            ),
            (
                r#"use std::{env::{self}, fs}; fn f() { env::var_os("X"); }"#,
                "X",
            ),
            (r#"use super::*; fn f() { env::var("X"); }"#, "X"),
            (r#"fn f() { dotenvy::var("X"); dotenv::var("Y"); }"#, "X Y"),
            (r##"fn f() { std::env::var(r#"X"#); }"##, "X"),
            (
                r#"fn f() { std::env::var::<&str>("X"); std::env::var(&"Y"); }"#,
                "X Y",
            ),
            // What is not one of them.
            (r#"fn f() { var("X"); other::var("Y"); a.var("Z"); }"#, ""),
            (r#"use crate::env; fn f() { env::var("X"); }"#, ""),
            (
                r#"fn f() { std::env::set_var("X", "y"); std::env::remove_var("X"); std::env::vars(); }"#,
                "",
            ),
            (r#"// std::env::var("X")"#, ""),
            (r#"/* std::env::var("X") */ /// env::var("Y")"#, ""),
            (
                r##"const A: &str = "std::env::var(\"X\")"; const B: &str = r#"env::var("Y")"#;"##,
                "",
            ),
            (r#"fn f() { Command::new("x").env("X", "y"); }"#, ""),
            // Names that are not literals.
            (
                r#"const KEY: &str = "X"; fn f() { std::env::var(KEY); }"#,
                "X",
            ),
            (
                r#"impl A { const KEY: &'static str = "X"; fn f() { std::env::var(Self::KEY); } }"#,
                "X",
            ),
            (
                r#"fn f() { std::env::var(KEY); } static KEY: &str = "X";"#,
                "X",
            ),
            (
                r#"mod a { const K: &str = "X"; } mod b { const K: &str = "Y"; fn f() { std::env::var(K); } }"#,
                "Y",
            ),
            (
                r#"impl A { const K: &str = "X"; } impl B { const K: &str = "Y"; fn f() { std::env::var(Self::K); } }"#,
                "-",
            ),
            (
                r#"fn f(name: &str) { std::env::var(name); std::env::var(format!("X_{name}")); }"#,
                "- -",
            ),
            (r#"fn f() { ["A", "B"].map(std::env::var); }"#, "-"),
            // Defaults.
            (
                r#"fn f() { std::env::var("X").unwrap_or("a".into()); }"#,
                "X?",
            ),
            (
                r#"fn f() { std::env::var("X").ok().and_then(|x| x.parse().ok()).unwrap_or_else(|| 1); }"#,
                "X?",
            ),
            (
                r#"fn f() { std::env::var("X").ok().unwrap(); std::env::var("Y").ok(); }"#,
                "X Y?",
            ),
            (
                r#"fn f() { std::env::var("X")?; std::env::var("Y").expect("y"); }"#,
                "X Y",
            ),
            (
                r#"fn f() { if let Ok(x) = std::env::var("X") {} if std::env::var_os("Y").is_some() {} }"#,
                "X? Y?",
            ),
            (
                r#"fn f() { let Ok(x) = std::env::var("X") else { return }; }"#,
                "X",
            ),
            // The compiler's.
            (
                r#"const A: &str = env!("X"); const B: Option<&str> = option_env!("Y");"#,
                "X! Y?!",
            ),
            (
                r#"const A: &str = std::env!("X", "is missing"); const B: &str = core::env!("Y");"#,
                "X! Y!",
            ),
            (
                r#"fn f() { option_env!("X").unwrap(); my::env!("Y"); }"#,
                "X!",
            ),
            // Among a macro's tokens.
            (
                r#"fn f() { println!("{}", std::env::var("X").unwrap_or_default()); }"#,
                "X?",
            ),
            (
                r#"use std::env; fn f() { assert!(g(vec![env::var("X")?, env::var("Y").ok()])); }"#,
                "X Y?",
            ),
            (
                r#"fn f() { concat!(env!("X"), "/y", option_env!("Z").unwrap()); }"#,
                "X! Z!",
            ),
            (
                r#"const K: &str = "X"; fn f() { dbg!(std::env::var(K), std::env::var(name()), Self::K); }"#,
                "X -",
            ),
            (
                r#"fn f() { println!("std::env::var(\"X\")"); panic!("env!"); }"#,
                "",
            ),
            // clap.
            (
                r#"struct A { #[arg(long, env = "X")] a: String, #[arg(env)] some_name: u8 }"#,
                "X SOME_NAME",
            ),
            (
                r#"struct A { #[arg(env, default_value = "x")] a: u8, #[clap(env = "B")] b: Option<u8>, }"#,
                "A? B?",
            ),
            (
                r#"struct A { /** X */ #[serde(default)] #[arg(env = K)] pub r#type: u8 } const K: &str = "X";"#,
                "X",
            ),
            (
                r#"struct A { #[arg(long)] env: String, #[other(env = "X")] b: u8 }"#,
                "",
            ),
            (
                r#"fn f() { Arg::new("x").long("x").env("X"); clap::Arg::new("y").env("Y").default_value("z"); }"#,
                "X Y?",
            ),
            // Tests.
            (
                r#"#[cfg(test)] mod tests { fn f() { std::env::var("X"); } } fn g() { std::env::var("Y"); }"#,
                "X~ Y",
            ),
            (
                r#"#[test] /* it */ #[ignore] fn f() { std::env::var("X"); }"#,
                "X~",
            ),
            (
                r#"#[tokio::test(flavor = "x")] async fn f() { std::env::var("X"); }"#,
                "X~",
            ),
            (r#"#![cfg(test)] fn f() { std::env::var("X"); }"#, "X~"),
            (r#"#[cfg(not(test))] fn f() { std::env::var("X"); }"#, "X"),
            (
                r#"#[cfg(all(test, unix))] fn f() { std::env::var("X"); } #[cfg(feature = "test")] fn g() { std::env::var("Y"); }"#,
                "X~ Y",
            ),
            // Mistakes.
            (r#"fn f() { let x = ; std::env::var("X"); "#, "X"),
            (r#"fn f( { } fn g() { std::env::var("X") } }}}"#, "X"),
        ],
    );
}

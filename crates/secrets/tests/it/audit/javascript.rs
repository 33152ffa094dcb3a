//! JavaScript and TypeScript.

use towpath_secrets::audit::Language;

use super::assert_table;

const BOTH: &[(&str, &str)] = &[
    // By name.
    ("process.env.X", "X"),
    (
        r#"process.env["X"]; process.env['Y']; process.env[`Z`]"#,
        "X Y Z",
    ),
    ("process?.env?.X", "X"),
    ("globalThis.process.env.X; global.process.env.Y", "X Y"),
    ("import.meta.env.X; import.meta.env.MODE", "X!"),
    (
        r#"Deno.env.get("X"); Bun.env.X; Deno.env.has("Y")"#,
        "X X Y?",
    ),
    ("a(process.env.X, `${process.env.Y}`)", "X Y"),
    ("const a = <p>{process.env.X}</p>", "X"),
    // By parts.
    (
        "const { X, Y: y, Z = 'z', W: w = 1, 'V': v, ...rest } = process.env",
        "X Y Z? W? V",
    ),
    ("let a; ({ X, a: a } = process.env)", "X a"),
    ("const { [name]: x, ['Y']: y } = process.env", "- Y"),
    ("const { env: { X } } = process", ""),
    ("function f({ X, Y = 1 } = process.env) {}", "X Y?"),
    // By alias.
    ("const env = process.env; env.X; env['Y']", "X Y"),
    ("const { env } = process; const { X } = env", "X"),
    ("const { env: e } = process; e.X", "X"),
    ("import { env as e } from 'node:process'; e.X", "X"),
    ("import p, { env } from 'process'; p.env.X; env.Y", "X Y"),
    ("import * as p from 'node:process'; p.env.X", "X"),
    (
        "const p = require('process'), { env } = require('process'); p.env.X; env.Y",
        "X Y",
    ),
    ("function f(env = process.env) { return env.X }", "X"),
    ("const f = (env) => env.X; const env = process.env", ""),
    (
        "const env = process.env; function f() { const env = {}; return env.X } env.Y",
        "Y",
    ),
    ("function f() { return env.X } const env = process.env", "X"),
    (
        "import { env } from './env'; env.X; const process = {}; process.env.Y",
        "",
    ),
    // Names that are not literals.
    ("const KEY = 'X'; process.env[KEY]", "X"),
    ("let key = 'X'; process.env[key]", "-"),
    (
        "const key = 'X'; function get(key) { return process.env[key] }",
        "-",
    ),
    (
        "process.env['A' + b]; process.env[`A_${b}`]; process.env['\\x41']",
        "- - -",
    ),
    // Defaults.
    ("process.env.X ?? 'x'; process.env.Y || y", "X? Y?"),
    ("process.env.X || process.env.Y || 'z'", "X? Y?"),
    ("a || process.env.X; process.env.Y && a", "X Y"),
    (
        "Number(process.env.X) || 3000; parseInt(process.env.Y ?? '1', 10)",
        "X? Y?",
    ),
    (
        "process.env.X?.trim() ?? 'x'; process.env.Y.trim() ?? 'y'",
        "X? Y",
    ),
    ("process.env.X ??= 'x'; process.env.Y ||= 'y'", "X? Y?"),
    (
        "process.env.X ? 1 : 2; if (process.env.Y) {} if (!process.env.Z) {}",
        "X? Y? Z",
    ),
    (
        "'X' in process.env; process.env.hasOwnProperty('Y')",
        "X? Y?",
    ),
    // What is no read.
    (
        "process.env.X = 'x'; process.env['Y'] = 'y'; delete process.env.Z",
        "",
    ),
    (
        "// process.env.X\n/* process.env.Y */ 'process.env.Z'; `process.env.W`; /process.env.V/",
        "",
    ),
    (
        "a.process.env.X; a.env.X; process.environment.X; ({ ...process.env })",
        "",
    ),
    // Mistakes.
    ("const = ; process.env.X; function (", "X"),
    ("if (process.env.X { ]", "X"),
];

#[test]
fn javascript_reads_are_found_and_nothing_else() {
    assert_table(Language::JavaScript, BOTH);
}

#[test]
fn typescript_reads_are_found_and_nothing_else() {
    assert_table(Language::Tsx, BOTH);
    assert_table(
        Language::TypeScript,
        &[
            ("const x: string = process.env.X!", "X"),
            (
                "process.env.X as string; process.env.Y satisfies string",
                "X Y",
            ),
            ("<string>process.env.X", "X"),
            ("(process.env as any).X", "X"),
            (
                "(process.env.X as string) ?? 'x'; process.env.Y! || 'y'",
                "X? Y?",
            ),
            (
                "const env = process.env as Record<string, string>; env.X",
                "X",
            ),
            ("const { X, Y = 'y' }: Env = process.env as Env", "X Y?"),
            (
                "function f(env: Env = process.env, x?: X) { return env.X }",
                "X",
            ),
            ("function f(env: Env) { return env.X }", ""),
            ("const KEY: string = 'X'; process.env[KEY]", "X"),
            ("const KEY = 'X' as const; process.env[KEY as string]", "X"),
            (
                "class A { private x = process.env.X; constructor(readonly y = process.env.Y) {} }",
                "X Y",
            ),
            (
                "declare namespace NodeJS { interface ProcessEnv { X: string } }",
                "",
            ),
            ("type A = typeof process.env.X", ""),
            ("enum E { A = 'process.env.X' }", ""),
            ("import type { env } from 'x'; env.X", ""),
            ("abstract class { x = process.env.X; y: = }", "X"),
        ],
    );
}

//! Configuration and secrets as people look at them, compare them, and carry them in and out.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::Value;

use crate::project::Project;

const MANIFEST: &str = r#"project = { name = "ferry" }

[groups.production]
[groups.development]
config = { LOG_LEVEL = "info" }   # quiet enough

[services]
web = { start = "./web" }
worker = { start = "./worker" }

[config]
LOG_LEVEL  = { type = "enum", values = ["debug", "info", "warn"], default = "warn", description = "How much is logged" }
PUBLIC_URL = { type = "url", default = "${environment.url}" }
TOKEN      = { secret = true }
MAIL_TOKEN = { secret = true }
HEADER     = { default = "Bearer ${TOKEN}" }
WORKERS    = { type = "integer", services = ["worker"], default = 1 }
NOTE       = { required = false }

[recipients.dana]
age = "RECIPIENT"

[environments.staging]
aliases = ["stg"]
branch = "develop"
group = "development"
url = "https://staging.acme.test"
recipients = ["dana"]

[environments.staging.config]
LOG_LEVEL = "debug"   # for now

[environments.production]
branch = "main"
group = "production"
url = "https://acme.test"
recipients = ["dana"]
config = { MAIL_TOKEN = "env://MAIL_TOKEN_OF_PRODUCTION" }
"#;

/// The project, with a key of Dana's, and no secrets yet.
fn project() -> Project {
    let project = Project::new();
    let key = project.towpath("secret keygen", 0).stdout;
    let key = key.lines().next().unwrap();
    project.write("towpath.toml", MANIFEST.replace("RECIPIENT", key));
    fs::remove_dir_all(project.clone().join("src")).ok();
    project
}

/// Likewise, with secrets in both environments; TOKEN is the same in both.
fn with_secrets() -> Project {
    let project = project();
    project.write("stg.env", "TOKEN=s3cret-of-both\nMAIL_TOKEN=m41l\n");
    project.write("prd.env", "TOKEN=s3cret-of-both\n");
    let told = project.towpath("secret import staging stg.env", 0);
    assert!(
        told.stdout.contains("taken over: TOKEN, MAIL_TOKEN"),
        "{}",
        told.told()
    );
    told.says(&["stg.env holds them in clear: delete it"]);
    project.towpath("secret import production prd.env", 0);
    project
}

fn key<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let mut keys = answer["keys"].as_array().unwrap().iter();
    keys.find(|key| key["key"] == name).unwrap()
}

#[test]
fn what_a_service_finds_is_shown_and_secrets_are_not() {
    let project = with_secrets();
    let shown = project.towpath("config show stg", 0).stdout;
    assert!(shown.contains("••••••••") && shown.contains("Bearer ${TOKEN}"));
    assert!(
        !shown.contains("s3cret") && !shown.contains("m41l"),
        "{shown}"
    );
    let answer: Value = project.towpath("config show stg --json", 0).json();
    assert_eq!(key(&answer, "LOG_LEVEL")["value"], "debug");
    assert_eq!(key(&answer, "LOG_LEVEL")["layer"], "environment");
    assert_eq!(
        key(&answer, "PUBLIC_URL")["value"],
        "https://staging.acme.test"
    );
    assert_eq!(key(&answer, "TOKEN")["value"], Value::Null);
    assert_eq!(key(&answer, "HEADER")["template"], "Bearer ${TOKEN}");
    // No key is needed for any of it.
    let keyless = project.ask("config show stg").with("HOME", "/nowhere");
    keyless.with("TOWPATH_AS", "dana@acme.test").ends(0);
    let before = project.records();
    let revealed: Value = project
        .towpath("config show stg --reveal --json -m test", 0)
        .json();
    assert_eq!(key(&revealed, "HEADER")["value"], "Bearer s3cret-of-both");
    assert!(project.records() > before, "who read them is recorded");
    project
        .towpath("config show stg --service nobody", 3)
        .says(&["config::no-such-service", "there are web, worker"]);
}

#[test]
fn every_layer_of_a_key_is_told() {
    let project = project();
    let told = project.towpath("config show stg --why LOG_LEVEL", 0).stdout;
    let layers = "\
layers, the last one wins:
  default            warn
  group development  info
  environment        debug
";
    assert!(told.ends_with(layers), "{told}");
    assert!(told.contains("How much is logged") && told.contains("one of       debug, info, warn"));
    let missing = project.towpath("config show stg --why TOKEN", 3).stdout;
    assert!(missing.starts_with("TOKEN = missing\n"), "{missing}");
    assert!(
        missing.contains("`towpath secret set staging TOKEN`"),
        "{missing}"
    );
    let made = project
        .towpath("config show stg --why PUBLIC_URL", 0)
        .stdout;
    assert!(
        made.contains("${environment.url} is https://staging.acme.test"),
        "{made}"
    );
    project
        .towpath("config show stg --why LOG_LEVL", 3)
        .says(&["config::no-such-key", "did you mean LOG_LEVEL?"]);
    let elsewhere: Value = project
        .towpath("config show production --why MAIL_TOKEN --json", 0)
        .json();
    assert_eq!(
        elsewhere["layers"][0]["says"],
        "kept at env://MAIL_TOKEN_OF_PRODUCTION"
    );
    let list: Value = project.towpath("config list --json", 0).json();
    let states = &key(&list, "MAIL_TOKEN")["environments"];
    assert_eq!(
        (&states["staging"], &states["production"]),
        (&"missing".into(), &"kept elsewhere".into())
    );
}

#[test]
fn two_environments_are_compared_without_opening_anything() {
    let project = with_secrets();
    let ask = |line: &str, exit| project.ask(line).with("SOPS_AGE_KEY", "").ends(exit);
    let told: Value = ask("config diff staging production --json", 0).json();
    let verdict = |name: &str| key(&told, name)["verdict"].as_str().unwrap().to_owned();
    assert_eq!(verdict("LOG_LEVEL"), "different");
    assert_eq!(verdict("WORKERS"), "equal");
    assert_eq!(verdict("MAIL_TOKEN"), "cannot-tell");
    assert_eq!(key(&told, "TOKEN")["shared_with_production"], true);
    let shown = ask("config diff stg production", 0).stdout;
    assert!(shown.contains("equal: shared with production"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    project.towpath("config set stg NOTE 'only here'", 0);
    let lacking = ask("config diff stg production", 1).stdout;
    assert!(lacking.contains("only in staging"), "{lacking}");
    project
        .towpath("config diff stg staging", 3)
        .says(&["config::itself"]);
}

#[test]
fn what_code_reads_must_be_declared() {
    let project = with_secrets();
    project.write(
        "app/main.py",
        "import os\nlevel = os.environ[\"LOG_LEVL\"]\nhome = os.environ[\"HOME\"]\n",
    );
    project.write("tests/test_a.py", "import os\nos.environ[\"TEST_ONLY\"]\n");
    let told = project.towpath("config audit app", 1).stdout;
    assert!(
        told.contains("main.py:2: LOG_LEVL; did you mean LOG_LEVEL?"),
        "{told}"
    );
    project
        .towpath("check", 6)
        .says(&["config::undeclared-read", "app/main.py:2", "LOG_LEVEL?"]);
    let json: Value = project.towpath("check --json", 6).json();
    let mut problems = json["problems"].as_array().unwrap().iter();
    let found = problems.find(|problem| problem["code"] == "config::undeclared-read");
    assert_eq!(found.unwrap()["line"], 2);
    project.towpath("check --no-audit", 0);
    project.write("app/main.py", "import os\nos.environ[\"LOG_LEVEL\"]\n");
    project.towpath("check", 0);
    let audit: Value = project.towpath("config audit --json", 0).json();
    assert_eq!(audit["aside"][0]["key"], "TEST_ONLY");
    let unread = audit["unread"].as_array().unwrap();
    assert!(unread.contains(&"WORKERS".into()), "{unread:?}");
    assert!(!unread.contains(&"TOKEN".into()), "HEADER is made of it");
}

#[test]
fn what_is_missing_or_damaged_is_told_by_check() {
    let project = project();
    let told = project.towpath("check --no-audit", 6);
    told.says(&[
        "config::missing",
        "`staging` has no value for the secret TOKEN",
        "towpath secret set staging TOKEN",
    ]);
    project.change("towpath.toml", "env://MAIL_TOKEN_OF_PRODUCTION", "vault://");
    project
        .towpath("check --no-audit", 6)
        .says(&["secrets::bad-reference", "MAIL_TOKEN is kept at"]);
    project.write("secrets/staging.yaml", "TOKEN: in clear\n");
    project
        .towpath("check --no-audit", 6)
        .says(&["secrets::file", "secrets/staging.yaml"]);
}

#[test]
fn values_are_set_where_they_are_said() {
    let project = with_secrets();
    project.towpath("config set stg WORKERS 4 --service worker", 0);
    project.towpath("config set stg LOG_LEVEL warn --group", 0);
    project.towpath("config unset stg LOG_LEVEL", 0);
    let manifest = fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    assert!(manifest.contains("[environments.staging.services.worker.config]\nWORKERS = 4\n"));
    assert!(
        manifest.contains("config = { LOG_LEVEL = \"warn\" }   # quiet enough"),
        "{manifest}"
    );
    let shown: Value = project
        .towpath("config show stg --service worker --json", 0)
        .json();
    assert_eq!(key(&shown, "WORKERS")["value"], "4");
    assert_eq!(key(&shown, "LOG_LEVEL")["value"], "warn");
    for (line, code) in [
        ("config set stg LOG_LEVEL loud", "config::bad-value"),
        ("config set stg TOKEN abc", "config::secret"),
        ("config set stg NOBODY abc", "config::undeclared"),
        ("config unset stg NOTE", "config::not-set"),
    ] {
        project.towpath(line, 3).says(&[code]);
    }
    let after = fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    assert_eq!(manifest, after);
}

#[test]
fn a_dotenv_file_is_taken_over_and_given_out_again() {
    let project = with_secrets();
    project.write(
        "dot.env",
        "LOG_LEVEL=info\nSESSION_KEY='a$b ${c}'\nNOTE='x ${y}'\nENC=encrypted:BA\nno assignment\n",
    );
    let told = project.towpath("config import dot.env stg", 3);
    told.says(&["nobody declared SESSION_KEY", "line 5: is no assignment"]);
    let before = project.towpath("config export stg", 0).stdout;
    project.towpath("config import dot.env stg --declare --dry-run", 1);
    assert_eq!(project.towpath("config export stg", 0).stdout, before);
    let told = project.towpath("config import dot.env stg --declare", 1);
    assert!(
        told.stdout.contains("left out: it is encrypted by dotenvx"),
        "{}",
        told.told()
    );
    let manifest = fs::read_to_string(project.clone().join("towpath.toml")).unwrap();
    assert!(manifest.contains("SESSION_KEY = { secret = true, required = false }"));
    assert!(manifest.contains("NOTE = \"x $${y}\"") && !manifest.contains("a$b"));
    let plain = project.towpath("config export stg", 0).stdout;
    assert!(plain.contains("# SESSION_KEY is a secret\n") && plain.contains("NOTE='x ${y}'\n"));
    project.towpath("config export stg --reveal --format json -o out.json", 0);
    let file = project.clone().join("out.json");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let values: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(values["SESSION_KEY"], "a$b ${c}");
    assert_eq!(values["HEADER"], "Bearer s3cret-of-both");
}

#[test]
fn secrets_travel_as_files_that_sops_opens() {
    let project = with_secrets();
    project
        .towpath("secret export staging", 2)
        .says(&["--reveal"]);
    project.towpath("secret export staging --format sops-dotenv -o out.env", 0);
    let text = fs::read_to_string(project.clone().join("out.env")).unwrap();
    assert!(
        text.contains("TOKEN=ENC[AES256_GCM,") && text.contains("sops_mac="),
        "{text}"
    );
    let line = "secret import production out.env --format sops --json";
    let told: Value = project.towpath(line, 0).json();
    assert_eq!(told["kept"], serde_json::json!(["TOKEN"]));
    assert_eq!(told["changed"], serde_json::json!(["MAIL_TOKEN"]));
    let clear = project
        .towpath("secret export production --reveal", 0)
        .stdout;
    assert!(clear.contains("MAIL_TOKEN=m41l\n"), "{clear}");
    project.write("more.json", r#"{"data": {"TOKEN": "n3w", "NOBODY": "x"}}"#);
    project
        .towpath("secret import staging more.json --overwrite", 3)
        .says(&["secrets::undeclared", "NOBODY"]);
    project.write("more.yaml", "data:\n  TOKEN: n3w\n");
    project.towpath("secret import staging more.yaml --overwrite", 0);
    let clear = project.towpath("secret export staging --reveal --format json", 0);
    assert_eq!(clear.json::<Value>()["TOKEN"], "n3w");
}

#[test]
fn secrets_are_edited_in_memory() {
    let project = with_secrets();
    let edit = |script: &str, exit| {
        project.write("editor.sh", script);
        project
            .ask("secret edit staging")
            .with("EDITOR", "sh editor.sh")
            .ends(exit)
    };
    let file = project.clone().join("secrets/staging.yaml");
    let before = fs::read(&file).unwrap();
    let told = edit("exit 0\n", 0);
    assert_eq!(told.stdout, "nothing was changed\n");
    edit("exit 3\n", 1).says(&["secrets::editor"]);
    edit("grep -q nonsense \"$1\" || echo nonsense >> \"$1\"\n", 3).says(&["not understood"]);
    // An editor that nobody sits at does not go on for ever.
    edit("echo nonsense >> \"$1\"\n", 3).says(&["not understood"]);
    assert_eq!(fs::read(&file).unwrap(), before);
    // The second time there is the reason on top.
    let script = "echo \"$1\" > place\nstat -c %a \"$1\" > mode\n\
                  if grep -q '^#! ' \"$1\"; then sed -i '/^nonsense/d' \"$1\"; else\n\
                  sed -i 's/^TOKEN=.*/TOKEN=n3w/; /^MAIL_TOKEN/d' \"$1\"; echo nonsense >> \"$1\"; fi\n";
    let told = edit(script, 0);
    assert!(
        told.stdout
            .contains("changed: TOKEN\nremoved: MAIL_TOKEN\n"),
        "{}",
        told.told()
    );
    let read = |name: &str| fs::read_to_string(project.clone().join(name)).unwrap();
    assert_eq!(read("mode").trim(), "600");
    let place = read("place");
    assert!(!std::path::Path::new(place.trim()).exists());
    assert!(
        place.starts_with("/dev/shm/") || place.starts_with("/run/"),
        "{place}"
    );
    let clear = project.towpath("secret export staging --reveal", 0).stdout;
    assert_eq!(clear, "TOKEN=n3w\n");
    let meanwhile = "echo '# x' >> secrets/staging.yaml\nsed -i 's/n3w/n3wer/' \"$1\"\n";
    edit(meanwhile, 3).says(&["secrets::changed-meanwhile"]);
}

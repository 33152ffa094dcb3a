//! Every code: a text that has the problem, what is said about it, and the way out.

use std::fmt::Write;

use super::{read, said};
use crate::manifest::{CODES, Problem, code};

/// Before each case; on one line, so that the case starts on the second.
const HEAD: &str = "project = { name = \"a\" }\n";

/// For cases about environments: two services, a group, roles.
const TEAM: &str = r#"
[services]
web = { start = "./web" }
api = { start = "./api" }
[databases]
main = {}
[groups]
live = { aliases = ["production"] }
[roles]
qa = { members = ["quinn@acme.test"] }
leader = { members = ["quinn@acme.test"] }
"#;

const ENVIRONMENT: &str = "[environments.staging]\nbranch = \"develop\"\n";

fn cases() -> Vec<(&'static str, String)> {
    let mut cases = syntax_and_types();
    cases.extend(formats());
    cases.extend(environments());
    cases.extend(people_and_services());
    cases.extend(freezes());
    cases.extend(resources());
    cases.extend(homes());
    cases.extend(configuration());
    cases
}

fn with(head: &str, rest: &[&str]) -> Vec<(&'static str, String)> {
    rest.iter()
        .map(|text| {
            let (code, text) = text.split_once('\n').unwrap_or((text, ""));
            let code = CODES
                .iter()
                .find(|known| known.0 == format!("manifest::{code}"));
            (code.expect("a code").0, format!("{head}{text}\n"))
        })
        .collect()
}

fn syntax_and_types() -> Vec<(&'static str, String)> {
    with(
        HEAD,
        &[
            "syntax\nname = guestbook",
            "syntax\n[services.web]\nstart = \"a\"\nstart = \"b\"",
            "syntax\n[services.web]\n[services.web]",
            "syntax\nservices = {\n",
            "too-deep\na.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
            "unknown-key\n[services.web]\nstart = \"./web\"\nbiuld = \"make\"",
            "unknown-key\n[services.web]\nstart = \"./web\"\ncolour = \"red\"",
            "unknown-key\nservice = {}",
            "missing-key\n[services.web]\nbuild = \"make\"",
            "missing-key\n[environments.staging]\nbranch = \"x\"\nwatch = {}",
            "wrong-type\n[services.web]\nstart = [\"./web\"]",
            "wrong-type\nservices.web = \"./web\"",
            "wrong-type\nservices = 3",
            "wrong-type\n[environments.staging]\nused_by = \"developer\"",
            "wrong-type\n[environments.staging]\nbranch = \"x\"\nkeep_warm = 10",
            "wrong-type\n[environments.staging]\nbranch = \"x\"\nconfig = { RATE = 0.5 }",
            "wrong-type\n[environments.staging]\nbranch = \"x\"\ntest = [1]",
        ],
    )
}

fn configuration() -> Vec<(&'static str, String)> {
    with(
        &format!("{HEAD}{TEAM}{ENVIRONMENT}group = \"live\"\n"),
        &[
            "bad-recipient\n[recipients]\ndana = { age = \"ssh-ed25519 AAAA\" }",
            "bad-recipient\n[recipients]\ndana = { age = \"AGE-SECRET-KEY-1QQQ\" }",
            "unknown-recipient\nrecipients = [\"dan\"]\n[recipients]\ndana = { age = \"age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm\" }",
            "bad-value\n[config]\nLIMIT = { type = \"port\", default = \"http\" }",
            "bad-value\nconfig = { HOME_URL = \"acme\", BASE = \"acme\" }\n[config]\nBASE = {}\nHOME_URL = { type = \"url\", default = \"https://a.test\" }",
            "bad-value\nconfig = { BASE = \"acme\" }\n[config]\nBASE = {}\nHOME_URL = { type = \"url\", default = \"${BASE}/login\" }",
            "missing-key\n[config]\nLEVEL = { type = \"enum\" }",
            "key-does-not-fit\n[config]\nLEVEL = { values = [\"a\"], default = \"a\" }",
            "bad-placeholder\nconfig = { A = \"${B\" }",
            "bad-placeholder\nconfig = { A = \"${resource.mail.id}\" }",
            "bad-placeholder\nconfig = { A = \"${B}\" }",
            "placeholder-cycle\nconfig = { A = \"${B}\", B = \"x${A}\" }",
            "undeclared-key\nconfig = { LOGLEVEL = \"debug\" }\n[config]\nLOG_LEVEL = { default = \"info\" }",
            "missing-value\n[config]\nLOG_LEVEL = {}",
            "secret-in-manifest\nconfig = { TOKEN = \"hunter2\" }\n[config]\nTOKEN = { secret = true }",
            "secret-file-twice\n[environments.qa]\nbranch = \"qa\"\nsecrets = \"secrets/staging.yaml\"",
            "overrides-in-production\noverrides = \".env\"",
            "unknown-service\n[config]\nLOG_LEVEL = { default = 1, services = [\"wep\"] }",
            "reserved-variable\n[groups.dev]\nconfig = { PORT = 1 }",
        ],
    )
}

fn formats() -> Vec<(&'static str, String)> {
    let mut cases = with(
        HEAD,
        &[
            "bad-text\n[services.web]\nstart = \" \"",
            "bad-text\n[services.web]\nstart = \"a\\u0000b\"",
            "bad-name\n[services.Web_App]\nstart = \"./web\"",
            "bad-duration\n[services.web]\nstart = \"./web\"\nstop_within = \"soon\"",
            "bad-duration\n[services.web]\nstart = \"./web\"\nhealth = { within = \"0s\" }",
            "bad-number\n[services.web]\nstart = \"./web\"\ninstances = 65",
            "bad-number\n[services.web]\nstart = \"./web\"\ninstances = 99999999999999999999",
            "bad-path\n[services.web]\nstart = \"./web\"\nartifact = \"\"",
            "bad-path\n[services.web]\nstart = \"./web\"\nartifact = \"/usr/bin/web\"",
            "bad-path\n[services.web]\nstart = \"./web\"\nartifact = \"../web\"",
            "bad-url-path\n[services.web]\nstart = \"./web\"\nhealth = { path = \"healthz\" }",
            "bad-variable\n[databases.main]\nurl = \"DATABASE-URL\"",
            "bad-choice\n[databases.main]\nengine = \"sqllite\"",
            "bad-choice\n[databases.main]\nengine = \"postgresql\"",
            "secret-in-manifest\n[databases.main]\nengine = \"mysql\"\n[environments.a]\nbranch = \"a\"\nconfig = { DATABASE_URL = \"mysql://u:p@h/d\" }",
            "bad-email\n[roles]\nqa = { members = [\"quinn\"] }",
        ],
    );
    cases.extend(with(
        &format!("{HEAD}{TEAM}{ENVIRONMENT}"),
        &[
            "bad-address\nservices.web = { listen = \"localhost:8080\" }",
            "bad-address\nservices.web = { listen = \"8080\" }",
            "bad-branch\n[environments.x]\nbranch = \"a b\"",
            "bad-choice\non_failure = \"rolback\"",
            "bad-link\nresources.identity = { link = \"javascript:alert(1)\" }",
            "bad-number\nwatch = { for = \"1m\", probes = [ { error_ratio = 2, service = \"web\" } ] }",
            "probe-kind\nwatch = { for = \"1m\", probes = [ { every = \"5s\" } ] }",
            "probe-kind\nwatch = { for = \"1m\", probes = [ { get = \"/\", command = \"x\" } ] }",
            "key-does-not-fit\nwatch = { for = \"1m\", probes = [ { command = \"x\", expect = 200 } ] }",
        ],
    ));
    cases
}

fn environments() -> Vec<(&'static str, String)> {
    let mut cases = with(HEAD, &["no-environment"]);
    cases.extend(with(
        &format!("{HEAD}{TEAM}{ENVIRONMENT}aliases = [\"stg\"]\n"),
        &[
            "alias-twice\n[environments.production]\nbranch = \"main\"\naliases = [\"stg\"]",
            "alias-twice\n[environments.production]\nbranch = \"main\"\naliases = [\"staging\"]",
            "alias-twice\n[environments.production]\nbranch = \"main\"\naliases = [\"prd\", \"prd\"]",
            "alias-twice\n[groups.other]\naliases = [\"live\"]",
            "unknown-group\ngroup = \"lve\"",
            "unknown-group\ngroup = \"staging\"",
            "unknown-environment\nafter = [\"producton\"]\n[environments.production]\nbranch = \"main\"",
            "unknown-environment\nmirrors = \"live\"",
            "unknown-environment\ndatabases.main = { same_as = \"nowhere\" }",
            "after-cycle\nafter = [\"stg\"]",
            "after-cycle\nafter = [\"c\"]\n[environments.b]\nafter = [\"stg\"]\n[environments.c]\nafter = [\"b\"]",
            "same-as-cycle\ndatabases.main = { same_as = \"b\" }\n[environments.b]\nbranch = \"b\"\ndatabases.main = { same_as = \"stg\" }",
            "same-as-cycle\ndatabases.main = { same_as = \"stg\" }",
            "mirrors-itself\nmirrors = \"stg\"",
            "nothing-mirrors\nparity = { min = 95 }",
            "nothing-mirrors\nmirrors = \"b\"\n[environments.b]\nafter = [\"c\"]\nparity = { min = 0 }\n[environments.c]\nbranch = \"c\"\nmirrors = \"stg\"",
            "no-way-in\n[environments.production]\nafter = []",
            "same-branch\n[environments.production]\nbranch = \"develop\"",
        ],
    ));
    cases
}

fn people_and_services() -> Vec<(&'static str, String)> {
    let mut cases = with(
        &format!("{HEAD}{TEAM}{ENVIRONMENT}"),
        &[
            "unknown-role\nused_by = [\"qua\"]",
            "unknown-role\nallow = { rollback = [\"operator\"] }",
            "unknown-role\nsign_off = [{ name = \"a\", role = \"nobody\" }]",
            "role-without-people\n[roles.operator]",
            "sign-off-twice\nsign_off = [{ name = \"a\", role = \"qa\" }, { name = \"a\", role = \"leader\" }]",
            "too-few-signers\nsign_off = [{ name = \"a\", role = \"qa\" }, { name = \"b\", role = \"leader\" }]",
            "unknown-service\nservices.wbe = { listen = \"127.0.0.1:80\" }",
            "unknown-service\nsmoke = [{ get = \"/\", service = \"payment\" }]",
            "unknown-database\ndatabases.mian = {}",
            "which-service\nsmoke = [{ get = \"/\" }]",
            "which-service\nwatch = { for = \"1m\", probes = [{ error_ratio = 0.1 }] }",
            "same-address\nservices = { web = { listen = \"127.0.0.1:80\" }, api = { listen = \"127.0.0.1:80\" } }",
            "same-address\nservices.web = { listen = \"127.0.0.1:80\" }\n[environments.b]\nbranch = \"b\"\nservices.web = { listen = \"0.0.0.0:80\" }",
            "reserved-variable\nconfig = { PORT = 80 }",
            "reserved-variable\nconfig = { DATABASE_URL = \"x\" }",
            "variable-twice\n[databases.audit]",
            "command-layout\n[databases.audit]\nlayout = \"command\"\nurl = \"AUDIT_URL\"",
            "command-layout\n[databases.audit]\nlayout = \"command\"\nurl = \"AUDIT_URL\"\nmigrations = \"m\"\nmigrate = \"x\"",
            "command-layout\n[databases.audit]\nlayout = \"command\"\nurl = \"AUDIT_URL\"\nmigrations = \"m\"\nmigrate = \"x\"\nstatus = \"y\"\napplied = \"(a)\"\npending = \"(b)\"",
            "command-layout\n[databases.audit]\nurl = \"AUDIT_URL\"\nmigrate = \"x\"",
            "command-layout\n[databases.audit]\nurl = \"AUDIT_URL\"\nmigrate_within = \"1h\"",
            "bad-pattern\n[databases.audit]\nlayout = \"command\"\nurl = \"AUDIT_URL\"\nmigrations = \"m\"\nmigrate = \"x\"\nstatus = \"y\"\napplied = \"(\"",
            "bad-pattern\n[databases.audit]\nlayout = \"command\"\nurl = \"AUDIT_URL\"\nmigrations = \"m\"\nmigrate = \"x\"\nstatus = \"y\"\napplied = \"up\"",
            "bad-variable\nconfig = { \"LOG LEVEL\" = \"x\" }",
        ],
    );
    cases.extend(with(
        &format!("{HEAD}{ENVIRONMENT}"),
        &[
            "no-service\nsmoke = [{ get = \"/\" }, { get = \"/b\" }]",
            "no-service\nwatch = { for = \"1m\", probes = [{ get = \"/\" }] }",
            "no-service\nservices.web = { listen = \"127.0.0.1:80\" }",
            "unknown-database\ndatabases.main = {}",
            "unknown-role\nused_by = [\"developer\"]",
            "reserved-variable\n[databases.main]\nurl = \"PORT\"",
        ],
    ));
    cases
}

fn resources() -> Vec<(&'static str, String)> {
    let staging =
        "[environments.staging.resources]\nmail = { id = \"m\" }\nlogs = { from = \"prd\" }\n";
    let production =
        "[environments.production]\naliases = [\"prd\"]\nbranch = \"main\"\nresources.logs = {}\n";
    with(
        &format!("{HEAD}{ENVIRONMENT}{staging}{production}"),
        &[
            "unknown-resource\nresources.mali = { from = \"staging\" }",
            "unknown-resource\nresources.analytics = { from = \"staging\" }",
            "unknown-resource\n[environments.local]\nused_by = []\nbranch = \"x\"\nresources.logs = { from = \"staging\" }",
            "unknown-resource\nresources.mail = { from = \"prd\" }",
            "unknown-environment\nresources.mail = { from = \"stagin\" }",
            "key-does-not-fit\nresources.mail = { from = \"staging\", id = \"mine\" }",
            "unknown-resource\nresources.mali = { shared = true }",
            "unknown-resource\nresources.cache = { shared = true }",
            "unknown-resource\n[environments.local]\nbranch = \"x\"\nresources.mail = { id = \"n\" }\n[environments.demo]\nbranch = \"y\"\nresources.mail = { shared = true }",
            "key-does-not-fit\nresources.mail = { shared = true, id = \"mine\" }",
            "key-does-not-fit\nresources.mail = { shared = true, from = \"staging\" }",
            "wrong-type\nresources.mail = { shared = \"yes\" }",
            "bad-number\n[environments.local]\nbranch = \"x\"\nmirrors = \"demo\"\n[environments.demo]\nafter = [\"local\"]\nparity = { min = 101 }",
            "missing-key\naccept = [{ difference = \"a\", reason = \"b\", owner = \"c\" }]",
            "bad-moment\naccept = [{ difference = \"a\", reason = \"b\", owner = \"c\", until = \"soon\" }]",
            "bad-link\nresources.mali = { endpoint = \"smtp://me:open-sesame@mail.test\" }",
            "bad-link\nresources.mali = { endpoint = \"me:open-sesame@mail.test:25\" }",
            "bad-text\naccept = [{ difference = \"***********************************************************************************************************************************************************************\", reason = \"b\", owner = \"c\", until = \"2030-01-01\" }]",
            "bad-variable\nresources.mail = { config = [\"MAIL KEY\"] }",
            "bad-link\nurl = \"guestbook\"",
            "bad-link\nurl = \"https://guestbook..test\"",
            "bad-link\nurl = \"https://guestbook.test:70000\"",
            "bad-link\nresources.mail = { link = \"https://dana:secret@mail.test\" }",
        ],
    )
}

fn homes() -> Vec<(&'static str, String)> {
    with(
        &format!(
            "{HEAD}{ENVIRONMENT}group = \"live\"\n[environments.local]\nbranch = \"x\"\n[groups.live.homes.apps]\n"
        ),
        &[
            "unknown-environment\nenvironments = [\"stagin\"]",
            "home-of-others\nenvironments = [\"staging\", \"local\"]",
            "unknown-home\npart_of = \"app\"",
            "unknown-home\npart_of = \"organisation\"",
            "home-nesting\npart_of = \"apps\"",
        ],
    )
}

fn freezes() -> Vec<(&'static str, String)> {
    with(
        &format!("{HEAD}{ENVIRONMENT}[[freezes]]\nname = \"f\"\n"),
        &[
            "freeze-window",
            "freeze-window\nfrom = \"2026-12-20T00:00\"",
            "freeze-window\nuntil = \"2026-12-20T00:00\"",
            "freeze-window\nfrom = \"2026-12-20T00:00\"\nweekly = \"Fri 16:00 - Mon 08:00\"",
            "freeze-backwards\nfrom = \"2026-12-20T00:00\"\nuntil = \"2026-12-20T00:00\"",
            "freeze-twice\nweekly = \"Fri 16:00 - Mon 08:00\"\n[[freezes]]\nname = \"f\"\nweekly = \"Fri 16:00 - Mon 08:00\"",
            "bad-moment\nfrom = \"tomorrow\"\nuntil = \"2026-12-20T00:00\"",
            "bad-week\nweekly = \"at weekends\"",
            "bad-zone\nzone = \"Europe/Berln\"\nweekly = \"Fri 16:00 - Mon 08:00\"",
            "unknown-environment\nenvironments = [\"stagin\"]\nweekly = \"Fri 16:00 - Mon 08:00\"",
            "unknown-group\ngroups = [\"live\"]\nweekly = \"Fri 16:00 - Mon 08:00\"",
        ],
    )
}

fn problems(text: &str) -> Vec<Problem> {
    match read(text) {
        Ok(parsed) => parsed.warnings,
        Err(problems) => problems.into_iter().collect(),
    }
}

/// Each case is about one thing, so exactly that is said: nothing else follows from it.
#[test]
fn one_mistake_is_one_problem() {
    for (code, text) in cases() {
        let problems = problems(&text);
        let codes: Vec<_> = problems
            .iter()
            .map(|p| p.code)
            // Cases without an environment are about something else.
            .filter(|found| *found != code::NO_ENVIRONMENT || *found == code)
            .collect();
        assert_eq!(codes, [code], "{text}\n{:#?}", said(&text));
    }
}

#[test]
fn every_code_has_a_case() {
    // These need a text too large to be listed; the tests of hostile text have them.
    let elsewhere = [code::TOO_LARGE, code::TOO_MANY];
    let mut cases = cases();
    cases.extend(super::lints::cases());
    for (code, _) in CODES {
        let found = elsewhere.contains(code) || cases.iter().any(|(case, _)| case == code);
        assert!(found, "{code} has no case");
    }
}

#[test]
fn what_is_said_and_the_way_out() {
    let mut page = String::new();
    for (code, text) in cases() {
        for problem in problems(&text).iter().filter(|p| p.code == code) {
            let marked = text[problem.span.clone()].replace('\n', "⏎");
            let line = problem.one_line().replace("towpath.toml:", "");
            writeln!(page, "{line}\n    at  {marked}\n    so  {}", problem.help).unwrap();
            for (span, label) in &problem.also {
                writeln!(page, "    see {} ({label})", &text[span.clone()]).unwrap();
            }
        }
    }
    insta::assert_snapshot!(page);
}

#[test]
fn all_problems_are_found_in_one_run() {
    let text = "[project]\nname = \"A\"\n[services.web]\nstrat = \"./web\"\ninstances = 0\n\
                [environments.x]\ngroup = \"live\"\nafter = [\"y\"]\nsmoke = [{ get = \"a\" }]\n";
    let codes: Vec<_> = problems(text).iter().map(|p| p.code).collect();
    assert_eq!(
        codes,
        [
            code::BAD_NAME,
            code::MISSING_KEY,
            code::UNKNOWN_KEY,
            code::BAD_NUMBER,
            code::UNKNOWN_GROUP,
            code::UNKNOWN_ENVIRONMENT,
            code::BAD_URL_PATH,
        ]
    );
}

#[test]
fn a_syntax_error_does_not_hide_other_mistakes_nor_make_them_up() {
    let text = "[project]\nname = guestbook\n[services.web]\nbiuld = \"make\"\nstart = \n";
    let codes: Vec<_> = problems(text).iter().map(|p| (p.line, p.code)).collect();
    assert_eq!(
        codes,
        [(2, code::SYNTAX), (4, code::UNKNOWN_KEY), (5, code::SYNTAX)]
    );
}

#[test]
fn groups_and_environments_are_separate_name_spaces() {
    let text = format!(
        "{HEAD}[groups.a]\naliases = [\"b\"]\n[environments.b]\nbranch = \"x\"\naliases = [\"a\"]\n"
    );
    assert_eq!(said(&text), Vec::<String>::new());
}

#[test]
fn enough_people_can_sign_when_each_finds_a_sign_off() {
    let roles = "[roles]\na = { members = [\"x@a.test\", \"y@a.test\"] }\nb = { members = [\"x@a.test\"] }\n\
                 c = { members = [\"x@a.test\"], idp_groups = [\"c\"] }\n";
    let sign_offs =
        |list: &str| said(&format!("{HEAD}{roles}{ENVIRONMENT}sign_off = [{list}]\n")).len();
    // x would sign first, and must leave that to y.
    let both = "{ name = \"p\", role = \"a\" }, { name = \"q\", role = \"b\" }";
    assert_eq!(sign_offs(both), 0);
    assert_eq!(
        sign_offs(&format!("{both}, {{ name = \"r\", role = \"c\" }}")),
        0
    );
    assert_eq!(
        sign_offs(&format!("{both}, {{ name = \"r\", role = \"a\" }}")),
        1
    );
}

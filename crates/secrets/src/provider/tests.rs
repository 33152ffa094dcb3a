//! What holds of references however they are written.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
#[case("aws-sm://prod/db?version=AWSPREVIOUS&region=eu-central-1#json.field")]
#[case("aws-sm://arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf")]
#[case("aws-ssm:///prod/db/password?region=eu-central-1#a")]
#[case("aws-ssm://name:3")]
#[case("vault://kv/team/app?version=2#password")]
#[case("vault://team%2Fkv/app#a%2Eb")]
#[case("env://DATABASE_URL")]
#[case("file://secrets/../secrets/db.txt")]
#[case("file:///run/secrets/db%20password")]
#[case("exec://./scripts/token.sh?arg=staging&arg=--key%3Da%26b&arg=")]
#[case("exec://op?arg=read&arg=op://vault/item")]
fn a_reference_prints_as_it_is_written(#[case] text: &str) {
    let reference: Reference = text.parse().unwrap();
    assert_eq!(reference.to_string(), text);
    assert_eq!(check(text), Ok(()));
}

#[rstest]
#[case("", "begins with a scheme")]
#[case("hunter2", "begins with a scheme")]
#[case("gcp://x", "its scheme is none of")]
#[case("env://", "nothing behind `env://`")]
#[case("env://A-B", "letters, digits")]
#[case("env://A?region=x", "takes nothing behind `?`")]
#[case("env://A ", "spaces around")]
#[case("env://A\nB", "control characters")]
#[case("aws-sm://a?version=", "`version` is empty")]
#[case("aws-sm://a?region=x&region=y", "`region` is given twice")]
#[case("aws-sm://a?regoin=x", "takes only `version`, `region`")]
#[case("aws-sm://a b", "not a name that AWS allows")]
#[case("aws-sm://a?region=evil.example/", "a region is written")]
#[case("aws-sm://arn:aws:s3:::bucket", "not one of `secretsmanager`")]
#[case(
    "aws-sm://arn:aws:secretsmanager:eu-west-1:1:secret:a?region=eu-west-2",
    "the ARN is of `eu-west-1`"
)]
#[case("vault://kv#a", "needs a mount and a path")]
#[case("vault://kv/app", "say which one is meant")]
#[case("vault://kv/../sys/seal#a", "no `..`")]
#[case("vault://kv/%2e%2e/sys#a", "no `..`")]
#[case("vault://kv/app?version=0#a", "a number from 1 on")]
#[case("file://../../etc/passwd", "does not lead out")]
#[case("file://a/../../b", "does not lead out")]
#[case("file://~/a", "write the whole path")]
#[case("file://a/", "it is a directory")]
#[case("file://.", "it is a directory")]
#[case("file://a%00b", "a zero byte")]
#[case("file://a%", "two digits")]
#[case("exec://../evil", "does not lead out")]
#[case("exec://op?argument=x", "takes only `arg`")]
#[case("env://A#", "a field is names")]
fn what_is_wrong_is_told(#[case] text: &str, #[case] part: &str) {
    let error = check(text).unwrap_err();
    assert!(
        error.starts_with("read a reference to a secret: "),
        "{error}"
    );
    assert!(error.contains(part), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_region_is_that_of_the_arn() {
    let text = "aws-sm://arn:aws:secretsmanager:eu-west-1:1:secret:a";
    let with = format!("{text}?region=eu-west-1");
    let reference: Reference = with.parse().unwrap();
    assert_eq!(reference, text.parse().unwrap());
}

proptest! {
    /// Nothing that can be written makes the parser stop, and what it takes it takes again as it prints it.
    #[test]
    fn whatever_is_taken_prints_and_is_taken_again(
        scheme in "aws-sm|aws-ssm|vault|env|file|exec|",
        rest in r"[a-zA-Z0-9/._:%?#&=+~@ é-]{0,40}|(\PC|\n){0,20}",
        query in r"|\?(arg|version|region)=[a-z0-9%&=.-]{0,40}",
        field in r"|#[a-z0-9.%]{1,10}",
    ) {
        let text = format!("{scheme}://{rest}{query}{field}");
        if let Ok(reference) = text.parse::<Reference>() {
            let printed = reference.to_string();
            prop_assert!(printed.chars().all(|letter| letter.is_ascii_graphic()), "{printed}");
            prop_assert_eq!(printed.parse::<Reference>().unwrap(), reference);
        }
    }

    /// Any argument reaches the program as it was meant.
    #[test]
    fn any_argument_can_be_written(arguments in prop::collection::vec("[^\0]{0,12}", 1..5), path in "[a-z%?# é&=]{1,12}") {
        let program = format!("./{path}");
        let reference = Reference { source: Source::Program { program, arguments }, field: None };
        prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
    }

    /// A relative path that is taken never leads above where it begins, step by step.
    #[test]
    fn no_relative_path_climbs_out(path in "(\\.\\.|\\.|a|b|)(/(\\.\\.|\\.|a|)){0,6}") {
        prop_assume!(!path.starts_with('/'));
        if format!("file://{path}").parse::<Reference>().is_ok() {
            let mut depth = 0;
            for step in path.split('/') {
                depth += match step { ".." => -1, "" | "." => 0, _ => 1 };
                prop_assert!(depth >= 0, "{path}");
            }
        }
    }
}

//! The stable codes of the manifest's problems, each with its meaning. Texts for people are written where a problem is found.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code with its meaning, for the reference and for the tests.
        pub const CODES: &[(&str, &str)] = &[$(($code, concat!($($doc),+))),+];
    };
}

codes! {
    /// The text is not TOML.
    SYNTAX = "manifest::syntax";
    /// The file is larger than any manifest needs to be.
    TOO_LARGE = "manifest::too-large";
    /// A key has more parts than any manifest needs.
    TOO_DEEP = "manifest::too-deep";
    /// There are more problems than are worth showing.
    TOO_MANY = "manifest::too-many-problems";
    /// A table has a key that Towpath does not know.
    UNKNOWN_KEY = "manifest::unknown-key";
    /// A required key is missing.
    MISSING_KEY = "manifest::missing-key";
    /// A value is of the wrong type.
    WRONG_TYPE = "manifest::wrong-type";
    /// A text is empty, or has characters that it must not have.
    BAD_TEXT = "manifest::bad-text";
    /// A name has characters that names do not have.
    BAD_NAME = "manifest::bad-name";
    /// A duration is not written as one.
    BAD_DURATION = "manifest::bad-duration";
    /// A number is out of its range.
    BAD_NUMBER = "manifest::bad-number";
    /// A path leaves the repository, or is empty.
    BAD_PATH = "manifest::bad-path";
    /// The path of a request does not start with a slash.
    BAD_URL_PATH = "manifest::bad-url-path";
    /// A link is not a web address.
    BAD_LINK = "manifest::bad-link";
    /// A text cannot name an environment variable.
    BAD_VARIABLE = "manifest::bad-variable";
    /// A text is not an address to listen on.
    BAD_ADDRESS = "manifest::bad-address";
    /// A member is not an e-mail address.
    BAD_EMAIL = "manifest::bad-email";
    /// A text cannot name a branch.
    BAD_BRANCH = "manifest::bad-branch";
    /// A value is none of those that a key allows.
    BAD_CHOICE = "manifest::bad-choice";
    /// A text is not a date and time.
    BAD_MOMENT = "manifest::bad-moment";
    /// A text is not a weekly window.
    BAD_WEEK = "manifest::bad-week";
    /// A time zone is not in the IANA database.
    BAD_ZONE = "manifest::bad-zone";
    /// A text is not the public key of an age pair.
    BAD_RECIPIENT = "manifest::bad-recipient";
    /// A text is not a regular expression with a group.
    BAD_PATTERN = "manifest::bad-pattern";
    /// A value is not what the type of its key wants.
    BAD_VALUE = "manifest::bad-value";
    /// A value refers to something that is not there.
    BAD_PLACEHOLDER = "manifest::bad-placeholder";
    /// Values refer to one another in a circle.
    PLACEHOLDER_CYCLE = "manifest::placeholder-cycle";
    /// A key of configuration is nowhere declared.
    UNDECLARED_KEY = "manifest::undeclared-key";
    /// An environment has no value for a key that it needs.
    MISSING_VALUE = "manifest::missing-value";
    /// The value of a secret is in the manifest.
    SECRET_IN_MANIFEST = "manifest::secret-in-manifest";
    /// A recipient is nowhere described.
    UNKNOWN_RECIPIENT = "manifest::unknown-recipient";
    /// Two environments keep their secrets in the same file.
    SECRET_FILE_TWICE = "manifest::secret-file-twice";
    /// A developer's own file would win in production.
    OVERRIDES_IN_PRODUCTION = "manifest::overrides-in-production";
    /// A probe asks nothing, or more than one thing.
    PROBE_KIND = "manifest::probe-kind";
    /// A key has no meaning beside another one.
    KEY_DOES_NOT_FIT = "manifest::key-does-not-fit";
    /// An alias names two things.
    ALIAS_TWICE = "manifest::alias-twice";
    /// A group is nowhere described.
    UNKNOWN_GROUP = "manifest::unknown-group";
    /// An environment is nowhere described.
    UNKNOWN_ENVIRONMENT = "manifest::unknown-environment";
    /// A role is nowhere defined.
    UNKNOWN_ROLE = "manifest::unknown-role";
    /// A service is nowhere described.
    UNKNOWN_SERVICE = "manifest::unknown-service";
    /// A database is nowhere described.
    UNKNOWN_DATABASE = "manifest::unknown-database";
    /// A resource is not declared where it is said to be.
    UNKNOWN_RESOURCE = "manifest::unknown-resource";
    /// A home holds an environment of another group.
    HOME_OF_OTHERS = "manifest::home-of-others";
    /// A home is part of one that is nowhere described.
    UNKNOWN_HOME = "manifest::unknown-home";
    /// A home is nested in itself, or too deeply.
    HOME_NESTING = "manifest::home-nesting";
    /// Environments wait for one another in a circle.
    AFTER_CYCLE = "manifest::after-cycle";
    /// Environments lend one another the same database in a circle.
    SAME_AS_CYCLE = "manifest::same-as-cycle";
    /// An environment mirrors itself.
    MIRRORS_ITSELF = "manifest::mirrors-itself";
    /// An environment must be mirrored closely, and nothing that releases come from mirrors it.
    NOTHING_MIRRORS = "manifest::nothing-mirrors";
    /// Nothing can ever reach an environment.
    NO_WAY_IN = "manifest::no-way-in";
    /// One branch feeds two environments.
    SAME_BRANCH = "manifest::same-branch";
    /// There is no environment.
    NO_ENVIRONMENT = "manifest::no-environment";
    /// Two services listen on the same address.
    SAME_ADDRESS = "manifest::same-address";
    /// Something asks a service, and the project has none.
    NO_SERVICE = "manifest::no-service";
    /// A check does not say which of several services it asks.
    WHICH_SERVICE = "manifest::which-service";
    /// A variable belongs to Towpath or to a database.
    RESERVED_VARIABLE = "manifest::reserved-variable";
    /// Two databases are found in the same variable.
    VARIABLE_TWICE = "manifest::variable-twice";
    /// The keys of `layout = "command"` are not all there, or stand beside another layout.
    COMMAND_LAYOUT = "manifest::command-layout";
    /// Two sign-offs of an environment have the same name.
    SIGN_OFF_TWICE = "manifest::sign-off-twice";
    /// Nobody can hold a role.
    ROLE_WITHOUT_PEOPLE = "manifest::role-without-people";
    /// There are fewer people than signatures needed.
    TOO_FEW_SIGNERS = "manifest::too-few-signers";
    /// A freeze says not, or in two ways, when it holds.
    FREEZE_WINDOW = "manifest::freeze-window";
    /// A freeze ends before it starts.
    FREEZE_BACKWARDS = "manifest::freeze-backwards";
    /// Two freezes have the same name.
    FREEZE_TWICE = "manifest::freeze-twice";
    /// A resource is declared where less is at stake than where it is used.
    PROTECTION = "manifest::protection";
    /// Production shares credentials, identities or data with environments outside of it.
    PRODUCTION_SHARES = "manifest::production-shares";
    /// Two resources are one thing at the vendor.
    ID_TWICE = "manifest::id-twice";
    /// Nobody looks after a resource.
    NO_OWNER = "manifest::no-owner";
    /// No role may deploy to an environment.
    NOBODY_MAY_USE = "manifest::nobody-may-use";
    /// What is accepted is not there.
    ACCEPTS_NOTHING = "manifest::accepts-nothing";
    /// Something is accepted no more.
    ACCEPTANCE_ENDED = "manifest::acceptance-ended";
    /// Something will soon be accepted no more.
    ACCEPTANCE_ENDS = "manifest::acceptance-ends";
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_distinct_and_explained() {
        let distinct: std::collections::BTreeSet<_> = CODES.iter().map(|(code, _)| code).collect();
        assert_eq!(distinct.len(), CODES.len());
        for (code, meaning) in CODES {
            assert!(code.starts_with("manifest::"), "{code}");
            assert!(meaning.trim().ends_with('.'), "{code}");
        }
    }
}

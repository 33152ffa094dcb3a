//! What is shared: it is declared where it is protected best, and production keeps to itself what would let others in.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    Accepted, Look,
    kinds::{Sensitive, sensitive},
};
use crate::{
    manifest::{Acceptance, code, report::Draft, suggest::list},
    names::DatabaseName,
};

/// All ways from environments back to where their releases start are followed so far together; nobody has so many.
const MOST_STEPS: usize = 500_000;

/// What was found, told or accepted.
#[derive(Default)]
pub(super) struct Told<'a> {
    /// What each environment would have to accept, by the names that acceptances give it.
    pub(super) subjects: HashMap<usize, Vec<String>>,
    /// Acceptances that have ended and were told about with what they no longer accept: environment and difference.
    pub(super) ended: HashSet<(usize, &'a str)>,
}

pub(super) fn check<'a>(look: &Look<'a>) -> Told<'a> {
    let mut told = Told::default();
    check_protection(look, &mut told);
    check_resources(look, &mut told);
    check_databases(look, &mut told);
    told
}

/// Nothing is used where more is at stake than where it is looked after.
fn check_protection<'a>(look: &Look<'a>, told: &mut Told<'a>) {
    let mut steps = 0;
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        let mut before = None;
        for (name, resource) in &environment.resources {
            let from = resource.from.as_ref().and_then(|from| look.index.get(from));
            let Some(&declaring) = from else { continue };
            let is_above = match (look.production[at], look.production[declaring]) {
                // The other lint says more.
                (true, false) if sensitive(resource).is_some() => false,
                (true, false) => true,
                (false, true) => false,
                _ => before
                    .get_or_insert_with(|| all_before(look, at, &mut steps))
                    .contains(&declaring),
            };
            if !is_above {
                continue;
            }
            let (user, other) = (look.name(at), look.name(declaring));
            let message = format!(
                "`{user}` uses `{name}`, which is declared in `{other}` with less protection"
            );
            let help = format!(
                "declare it in `{user}`, and write `{name} = {{ from = \"{user}\" }}` in `{other}`"
            );
            let also = (
                declaring,
                look.places.environments[declaring].resource(name),
            );
            let place = look.places.environments[at].resource(name);
            let subject = format!("resources.{name}");
            let draft = |message, help| {
                Draft::error(code::PROTECTION, place, message, help)
                    .also(also.1, format!("declared in `{}` here", look.name(also.0)))
            };
            tell(look, at, &subject, message, help, draft, told);
        }
    }
}

/// The environments that an environment's releases come through.
fn all_before(look: &Look<'_>, at: usize, steps: &mut usize) -> HashSet<usize> {
    let mut found = HashSet::new();
    let mut next = vec![at];
    while let Some(at) = next.pop() {
        for name in &look.manifest.environments[at].after {
            *steps += 1;
            if *steps > MOST_STEPS {
                return found;
            }
            if let Some(&before) = look.index.get(name)
                && found.insert(before)
            {
                next.push(before);
            }
        }
    }
    found
}

/// Each declared resource, by who declares it and its name, with everyone who uses it.
fn users<'a>(look: &Look<'a>) -> BTreeMap<(usize, &'a str), Vec<usize>> {
    let mut users = BTreeMap::<_, Vec<usize>>::new();
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        for (name, resource) in &environment.resources {
            let from = resource.from.as_ref();
            let declaring = from.and_then(|from| look.index.get(from)).unwrap_or(&at);
            users
                .entry((*declaring, name.as_str()))
                .or_default()
                .push(at);
        }
    }
    users
}

fn check_resources<'a>(look: &Look<'a>, told: &mut Told<'a>) {
    for ((declaring, name), users) in users(look) {
        let Some(resource) = look.manifest.environments[declaring].resources.get(name) else {
            continue;
        };
        let Some(sensitive) = sensitive(resource) else {
            continue;
        };
        let what = match sensitive {
            Sensitive::Identity => format!("the identities of `{name}`"),
            Sensitive::Database => format!("the data of `{name}`"),
            Sensitive::Credentials => format!("the credentials of `{name}`"),
        };
        let help = format!("declare a `{name}` of its own where others develop");
        let shared = Shared {
            subject: format!("resources.{name}"),
            what,
            help,
            users: &users,
        };
        check_shared(
            look,
            &shared,
            |at| look.places.environments[at].resource(name),
            told,
        );
    }
}

fn check_databases<'a>(look: &Look<'a>, told: &mut Told<'a>) {
    for ((_, database), users) in households(look) {
        let shared = Shared {
            subject: format!("databases.{database}"),
            what: format!("the database `{database}`"),
            help: "remove `same_as`, so that production has a database to itself".to_owned(),
            users: &users,
        };
        let place = |at: usize| look.places.environments[at].database(database.as_str());
        check_shared(look, &shared, place, told);
    }
}

/// The environments that use one database, by who keeps it: only of databases that somebody borrows.
fn households<'a>(look: &Look<'a>) -> BTreeMap<(usize, &'a DatabaseName), Vec<usize>> {
    let mut lenders: HashMap<(usize, &DatabaseName), usize> = HashMap::new();
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        for (name, database) in &environment.databases {
            let lender = database.same_as.as_ref();
            if let Some(lender) = lender.and_then(|lender| look.index.get(lender)) {
                lenders.insert((at, name), *lender);
            }
        }
    }
    let mut homes: HashMap<(usize, &DatabaseName), usize> = HashMap::new();
    let mut households = BTreeMap::<_, Vec<usize>>::new();
    for (at, environment) in look.manifest.environments.iter().enumerate() {
        for name in environment.databases.keys() {
            if !lenders.contains_key(&(at, name)) {
                continue;
            }
            // Everyone on the way has the same home: each way is walked once.
            let mut way = Vec::new();
            let mut home = at;
            while let Some(&lender) = lenders.get(&(home, name)) {
                if let Some(&known) = homes.get(&(home, name)) {
                    home = known;
                    break;
                }
                way.push(home);
                home = lender;
            }
            for borrower in way {
                homes.insert((borrower, name), home);
            }
            let household: &mut Vec<usize> =
                households.entry((home, name)).or_insert_with(|| vec![home]);
            household.push(at);
        }
    }
    households
}

/// Something that several environments use and that production should have to itself.
struct Shared<'u> {
    subject: String,
    what: String,
    help: String,
    users: &'u [usize],
}

fn check_shared<'a>(
    look: &Look<'a>,
    shared: &Shared<'_>,
    place: impl Fn(usize) -> &'a std::ops::Range<usize>,
    told: &mut Told<'a>,
) {
    let users = shared.users.iter().copied();
    let (inside, outside): (Vec<usize>, Vec<usize>) = users.partition(|at| look.production[*at]);
    let Some(&first) = outside.first() else {
        return;
    };
    let others = list(outside.iter().map(|at| look.name(*at)));
    for at in inside {
        let message = format!(
            "`{}` shares {} with {others}, outside of production",
            look.name(at),
            shared.what
        );
        // Where nothing is written of it, the other one says that they are one.
        let (here, there) = (place(at), place(first));
        let here = match *here == look.places.environments[at].name {
            true => there,
            false => here,
        };
        let draft = |message, help| {
            let draft = Draft::error(code::PRODUCTION_SHARES, here, message, help);
            match here == there {
                true => draft,
                false => draft.also(there, format!("used by `{}` here", look.name(first))),
            }
        };
        let help = shared.help.clone();
        tell(look, at, &shared.subject, message, help, draft, told);
    }
}

/// Adds the problem, unless the environment accepts it today.
fn tell<'a>(
    look: &Look<'a>,
    at: usize,
    subject: &str,
    message: String,
    help: String,
    draft: impl Fn(String, String) -> Draft,
    told: &mut Told<'a>,
) {
    let subjects = told.subjects.entry(at).or_default();
    subjects.push(subject.to_owned());
    let ended: Option<&'a Acceptance> = match look.accepted(at, subject) {
        Accepted::Yes(_) => return,
        Accepted::Ended(acceptance) => Some(acceptance),
        Accepted::No => None,
    };
    let message = match ended {
        Some(acceptance) => {
            told.ended.insert((at, &acceptance.difference));
            format!("{message}; that was accepted until {}", acceptance.until)
        }
        None => message,
    };
    let accept = look.how_to_accept(at, subject, ended);
    look.report
        .add(draft(message, format!("{help}; or {accept}")));
}

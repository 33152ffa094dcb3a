//! Looking at databases for the gates and for parity: what their schemas are, and how they differ from what their applied
//! migrations make.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;
use towpath_core::{
    path::{
        Actor, Candidate, Command, Drift, Fact, Look, Release, Sought, State, decide, evolve,
        to_look_at,
    },
    time::human,
};
use towpath_migrate::{CompareError, Compared, Database, PlanError, schema::Difference, title};

use super::{Engine, EngineError, releases::layout_of};
use crate::clock::now;

/// How long a look may take: all applied migrations are run for it.
const WITHIN: Duration = Duration::from_mins(10);

/// How long a look may take that only reads the schema.
const GLANCE: Duration = Duration::from_secs(15);

/// How many lines of a difference are kept, and how much of each: all of it is told where it is asked for.
const LINES: usize = 3;
const WIDTH: usize = 160;

/// Why a database could not be compared.
enum Untold {
    Compare(CompareError),
    Other { why: String, help: String },
}

impl Engine {
    /// Looks at databases, as a release says where they are.
    pub(super) fn look_at<'a>(
        &'a self,
        state: &'a State,
        release: &'a Release,
        places: &'a [Sought],
    ) -> BoxFuture<'a, Vec<Command>> {
        let looks = join_all(places.iter().map(|place| async move {
            let within = if place.drift { WITHIN } else { GLANCE };
            let look = timeout(within, self.look(state, release, place)).await;
            Command::RecordLook {
                home: place.home.clone(),
                database: place.database.clone(),
                look: look.unwrap_or_else(|_| Look {
                    schema: None,
                    drift: place.drift.then(|| Drift::Unknown {
                        why: format!("it was not done within {}", human(within)),
                        help: "see what its server does, then deploy again".into(),
                    }),
                }),
            }
        }));
        Box::pin(looks)
    }

    /// Looks at what the gates want to know, for somebody who wants to know what they would say. Nothing is written.
    pub(super) async fn look_ahead(&self, state: &mut State, candidate: &Candidate<'_>) {
        let places = to_look_at(state, candidate, now());
        let looks = self.look_at(state, candidate.release, &places).await;
        imagine(state, &looks);
    }

    /// Looks at the schemas of everything that is live. Nothing is written.
    pub(super) async fn look_around(&self, state: &mut State) -> Result<(), EngineError> {
        let mut seen = BTreeSet::new();
        let mut looks = Vec::new();
        for live in state.environments.values().filter_map(|e| e.live.as_ref()) {
            let databases = live.launch.databases.iter();
            let places = databases.map(|(database, home)| Sought {
                home: home.clone(),
                database: database.clone(),
                drift: false,
            });
            let places: Vec<Sought> = places.filter(|place| seen.insert(place.clone())).collect();
            if let Some(release) = self.store.release(live.release).await? {
                looks.extend(self.look_at(state, &release, &places).await);
            }
        }
        for look in &mut looks {
            keep_drift(state, look);
        }
        imagine(state, &looks);
        Ok(())
    }

    async fn look(&self, state: &State, release: &Release, place: &Sought) -> Look {
        let database = match self.database(release, &place.home, &place.database).await {
            Ok(database) => database,
            Err(error) => {
                let (why, help) = (error.to_string(), error.help());
                return Look {
                    schema: None,
                    drift: place.drift.then(|| unknown(&why, &help)),
                };
            }
        };
        if !place.drift {
            return Look {
                schema: database.schema_fingerprint().await.ok(),
                drift: None,
            };
        }
        match self.compared(state, release, place, &database).await {
            Ok(compared) => Look {
                schema: Some(compared.found.fingerprint()),
                drift: Some(told(&compared.drift())),
            },
            Err(untold) => Look {
                schema: database.schema_fingerprint().await.ok(),
                drift: Some(match untold {
                    Untold::Compare(CompareError::Begun { version, name }) => Drift::Unfinished {
                        migration: plain(&title(version, &name)),
                    },
                    Untold::Compare(error) => {
                        unknown(&format!("could not {error}"), &error.remedy())
                    }
                    Untold::Other { why, help } => unknown(&why, &help),
                }),
            },
        }
    }

    /// By the release that comes; where that lacks what is applied, by one that is live and uses the database.
    async fn compared(
        &self,
        state: &State,
        release: &Release,
        place: &Sought,
        database: &Database,
    ) -> Result<Compared, Untold> {
        let found = self.compared_by(release, place, database).await;
        let lacks = |untold: &Untold| {
            matches!(
                untold,
                Untold::Compare(
                    CompareError::Plan(PlanError::Missing { .. }) | CompareError::Changed { .. }
                )
            )
        };
        if !found.as_ref().is_err_and(lacks) {
            return found;
        }
        let live = state.environments.values().filter_map(|e| e.live.as_ref());
        let users: BTreeSet<_> = live
            .filter(|live| live.launch.databases.get(&place.database) == Some(&place.home))
            .map(|live| live.release)
            .filter(|number| *number != release.number)
            .collect();
        for number in users {
            let Ok(Some(live)) = self.store.release(number).await else {
                continue;
            };
            let by_live = self.compared_by(&live, place, database).await;
            if !by_live.as_ref().is_err_and(lacks) {
                return by_live;
            }
        }
        found
    }

    async fn compared_by(
        &self,
        release: &Release,
        place: &Sought,
        database: &Database,
    ) -> Result<Compared, Untold> {
        let other = |error: EngineError| Untold::Other {
            why: error.to_string(),
            help: error.help(),
        };
        let manifest = self.manifest_of(release).map_err(other)?;
        let declared = manifest.databases.get(&place.database);
        let directory =
            declared.and_then(|declared| Some((declared.migrations.clone()?, declared)));
        let Some((directory, declared)) = directory else {
            return Err(Untold::Other {
                why: format!(
                    "the manifest of {} names no migrations for it",
                    release.number
                ),
                help: format!("write `migrations` into [databases.{}]", place.database),
            });
        };
        if declared.tool.is_some() {
            return Err(Untold::Other {
                why:
                    "the project's own tool applies its migrations, and what they make is not known"
                        .into(),
                help: format!(
                    "take `no-drift` out of `require` of the environments that use {}, in a release before the one that says `layout = \"command\"`",
                    place.database
                ),
            });
        }
        let layout = layout_of(declared.layout);
        let commit = &release.source.commit;
        let set = self.migration_set(commit, &directory, layout).await;
        let compared = database.compare(&set.map_err(other)?, || now().0).await;
        compared.map_err(Untold::Compare)
    }
}

/// Makes looks part of a state that nobody keeps.
fn imagine(state: &mut State, looks: &[Command]) {
    let at = now();
    for look in looks {
        for (stream, event) in decide(state, &Actor::Towpath, look, at).unwrap_or_default() {
            let actor = Actor::Towpath.to_string();
            evolve(
                state,
                &Fact {
                    stream,
                    at,
                    actor,
                    event,
                },
            );
        }
    }
}

/// What is known of a drift still holds where the schema is the same.
fn keep_drift(state: &State, command: &mut Command) {
    let Command::RecordLook {
        home,
        database,
        look,
    } = command
    else {
        return;
    };
    let known = state.environments.get(home);
    let known = known.and_then(|known| known.looks.get(database));
    if let Some(known) = known.filter(|known| known.look.schema == look.schema) {
        look.drift.clone_from(&known.look.drift);
    }
}

fn told(difference: &Difference) -> Drift {
    if difference.is_empty() {
        return Drift::Same;
    }
    let text = difference.to_string();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.by_ref().take(LINES).map(plain).collect();
    Drift::Differs {
        lines: first,
        more: u32::try_from(lines.count()).unwrap_or(u32::MAX),
    }
}

fn unknown(why: &str, help: &str) -> Drift {
    Drift::Unknown {
        why: plain(why),
        help: help.to_owned(),
    }
}

/// A line of text from a database: no more than fits, and nothing that a terminal would obey.
fn plain(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", text[..end].chars().map(visible).collect::<String>()),
        None => text.chars().map(visible).collect(),
    }
}

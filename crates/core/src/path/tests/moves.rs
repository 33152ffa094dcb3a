//! What may happen in a random play, and how often.

use proptest::prelude::*;

/// Something that happens; numbers choose among what is there.
#[derive(Debug, Clone)]
pub enum Move {
    Cut {
        contract: u8,
        change: u8,
    },
    Push {
        place: u8,
        release: u8,
    },
    Deploy {
        who: u8,
        place: u8,
        release: u8,
    },
    Promote {
        who: u8,
        release: u8,
    },
    Rollback {
        who: u8,
        place: u8,
        named: Option<u8>,
    },
    Rule {
        who: u8,
        place: u8,
        what: u8,
    },
    Veto {
        who: u8,
        release: u8,
    },
    Sign {
        who: u8,
        which: u8,
        rejects: bool,
    },
    Cancel {
        who: u8,
        which: u8,
    },
    Retry {
        who: u8,
        which: u8,
        from: Option<u8>,
    },
    Probe {
        which: u8,
        failures: u8,
    },
    /// Goes on with an open deployment; what runs ends in this way, and then whoever should go on may be killed.
    Work {
        which: u8,
        outcome: u8,
        is_killed: bool,
    },
    /// Goes on with an open deployment as far as it goes by itself.
    Run {
        which: u8,
    },
    Clock {
        seconds: i32,
    },
}

/// A few dozen to a few hundred moves; most of them are work.
pub fn moves() -> impl Strategy<Value = Vec<Move>> {
    let n = any::<u8>;
    let some = || prop::option::weighted(0.3, any::<u8>());
    let one = prop_oneof![
        4 => (n(), n()).prop_map(|(contract, change)| Move::Cut { contract, change }),
        4 => (n(), n()).prop_map(|(place, release)| Move::Push { place, release }),
        5 => (n(), n(), n()).prop_map(|(who, place, release)| Move::Deploy { who, place, release }),
        2 => (n(), n()).prop_map(|(who, release)| Move::Promote { who, release }),
        3 => (n(), n(), some()).prop_map(|(who, place, named)| Move::Rollback { who, place, named }),
        3 => (n(), n(), n()).prop_map(|(who, place, what)| Move::Rule { who, place, what }),
        1 => (0..30u8, n()).prop_map(|(who, release)| Move::Veto { who, release }),
        14 => (n(), n(), prop::bool::weighted(0.1))
            .prop_map(|(who, which, rejects)| Move::Sign { who, which, rejects }),
        2 => (n(), n()).prop_map(|(who, which)| Move::Cancel { who, which }),
        6 => (n(), n(), some()).prop_map(|(who, which, from)| Move::Retry { who, which, from }),
        1 => (n(), n()).prop_map(|(which, failures)| Move::Probe { which, failures }),
        8 => n().prop_map(|which| Move::Run { which }),
        50 => (n(), n(), prop::bool::weighted(0.2))
            .prop_map(|(which, outcome, is_killed)| Move::Work { which, outcome, is_killed }),
        4 => prop_oneof![8 => 0..10, 4 => -60..3600, 1 => -90_000..400_000]
            .prop_map(|seconds| Move::Clock { seconds }),
    ];
    prop::collection::vec(one, 20..260)
}

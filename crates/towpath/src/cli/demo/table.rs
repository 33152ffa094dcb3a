//! The deployments of the demo as a table: a line each, a column for each phase.

use std::{collections::BTreeMap, time::Duration};

use towpath_core::{
    path::{Kind, Phase},
    time::human,
};

use super::super::style::Paint;
use crate::demo::Row;

/// Phases that take next to no time here; where the terminal is narrow they are left out.
const SHORT: [Phase; 3] = [Phase::Admit, Phase::Configure, Phase::SignOff];

/// The deployments as lines of a table, no wider than the terminal if that can be had.
pub(super) fn of(rows: &[Row], paint: Paint, width: usize) -> Vec<String> {
    let used: Vec<Phase> = Phase::ALL
        .into_iter()
        .filter(|phase| rows.iter().any(|row| row.phases.contains_key(phase.name())))
        .collect();
    let all = columns(rows, &used);
    let cells = if width_of(&all) <= width {
        all
    } else {
        let long: Vec<Phase> = used
            .into_iter()
            .filter(|phase| !SHORT.contains(phase))
            .collect();
        columns(rows, &long)
    };
    let widths = widths(&cells);
    cells
        .iter()
        .enumerate()
        .map(|(number, cells)| {
            let mut line = String::new();
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let pad = " ".repeat(width - cell.chars().count());
                let shown = match (number, column) {
                    (0, _) => paint.dim(cell),
                    (_, 1) => paint.status(cell),
                    (_, _) if cell == "–" => paint.dim(cell),
                    _ => cell.clone(),
                };
                // Texts to the left, times to the right.
                line.push_str(&match column {
                    0 | 1 => format!("{shown}{pad}  "),
                    _ => format!("{pad}{shown}  "),
                });
            }
            line.trim_end().to_owned()
        })
        .collect()
}

fn columns(rows: &[Row], phases: &[Phase]) -> Vec<Vec<String>> {
    let heading = ["DEPLOYMENT".to_owned(), "OUTCOME".to_owned()]
        .into_iter()
        .chain(phases.iter().map(|phase| phase.name().to_uppercase()))
        .chain(["TOTAL".to_owned()]);
    let mut cells = vec![heading.collect::<Vec<_>>()];
    for row in rows {
        let back = if row.kind == Kind::Rollback.to_string() {
            " ↩"
        } else {
            ""
        };
        let times = phases
            .iter()
            .map(|phase| match row.phases.get(phase.name()) {
                Some(ms) => human(Duration::from_millis(*ms)),
                None => "–".into(),
            });
        cells.push(
            [
                format!("{} {}{back}", row.release, row.environment),
                row.outcome.clone(),
            ]
            .into_iter()
            .chain(times)
            .chain([human(Duration::from_millis(row.ms))])
            .collect(),
        );
    }
    cells
}

fn widths(cells: &[Vec<String>]) -> Vec<usize> {
    let columns = cells.first().map_or(0, Vec::len);
    (0..columns)
        .map(|column| {
            cells
                .iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect()
}

fn width_of(cells: &[Vec<String>]) -> usize {
    let widths = widths(cells);
    widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1)
}

/// Phases in their order.
pub(super) fn phases(all: &BTreeMap<String, u64>) -> impl Iterator<Item = (Phase, u64)> {
    Phase::ALL
        .into_iter()
        .filter_map(|phase| all.get(phase.name()).map(|ms| (phase, *ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(release: &str, environment: &str, kind: &str, phases: &[(&str, u64)]) -> Row {
        Row {
            release: release.into(),
            environment: environment.into(),
            kind: kind.into(),
            outcome: "settled".into(),
            phases: phases
                .iter()
                .map(|(name, ms)| ((*name).to_owned(), *ms))
                .collect(),
            ms: phases.iter().map(|(_, ms)| ms).sum(),
        }
    }

    #[test]
    fn the_table_is_aligned_and_leaves_out_what_is_short_where_there_is_no_room() {
        let rows = [
            row(
                "v1",
                "staging",
                "deploy",
                &[("admit", 3), ("build", 15_800), ("test", 900)],
            ),
            row(
                "v1",
                "production",
                "rollback",
                &[("admit", 3), ("rollout", 29)],
            ),
        ];
        let plain = Paint::none();
        assert_eq!(
            of(&rows, plain, 80).join("\n"),
            "DEPLOYMENT       OUTCOME  ADMIT  BUILD  ROLLOUT   TEST  TOTAL\n\
             v1 staging       settled    3ms  15.8s        –  900ms  16.7s\n\
             v1 production ↩  settled    3ms      –     29ms      –   32ms"
        );
        let narrow = of(&rows, plain, 60);
        assert!(!narrow[0].contains("ADMIT") && narrow[0].contains("BUILD"));
    }
}

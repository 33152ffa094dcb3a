//! The pipeline figure as SVG: branches as lanes, and above them the environments that they feed.

use std::fmt::Write;

use super::lanes::{CARD, COLUMN, LABELS, LINE, Layout, TURN, lay_out};
use crate::manifest::{Environment, Manifest};

const STYLE: &str = ".tp-figure{font-family:system-ui,sans-serif;font-size:13px;fill:#1f2933;background:#fff}\
.tp-name{font-weight:600;font-size:15px}.tp-small{font-size:12px}.tp-card{fill:#f3f6f9;stroke:#8a99a8}\
.tp-lane{fill:none;stroke:#2f6f9f;stroke-width:3}.tp-dot{fill:#2f6f9f}\
.tp-arrow{fill:none;stroke:#66788a;stroke-dasharray:4 4}.tp-head{fill:#66788a}\
.tp-drum{fill:none;stroke:#66788a}.tp-tie{fill:none;stroke:#9a5b13;stroke-width:1.5}\
@media(prefers-color-scheme:dark){.tp-figure{fill:#e6ebf0;background:#14191f}.tp-card{fill:#212a33;stroke:#66788a}\
.tp-lane{stroke:#6cb0e0}.tp-dot{fill:#6cb0e0}.tp-arrow,.tp-drum{stroke:#a3b1bf}.tp-head{fill:#a3b1bf}\
.tp-tie{stroke:#e0a860}}";

/// The figure, as a document of its own. The same manifest makes the same bytes.
pub fn figure(manifest: &Manifest) -> String {
    let most = manifest
        .environments
        .iter()
        .map(|e| gates(manifest, e).len());
    let layout = lay_out(manifest, most.max().unwrap_or_default() as u32);
    let (width, height) = (layout.width, layout.height);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"tp-figure\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-labelledby=\"tp-title tp-desc\">\n\
         <title id=\"tp-title\">The path of {}</title>\n<desc id=\"tp-desc\">{}</desc>\n<style>{STYLE}</style>\n",
        manifest.project,
        escaped(&described(manifest, &layout)),
    );
    lanes(&mut svg, &layout);
    ties(&mut svg, manifest, &layout);
    cards(&mut svg, manifest, &layout);
    svg.push_str("</svg>\n");
    svg
}

fn lanes(svg: &mut String, layout: &Layout<'_>) {
    for lane in &layout.lanes {
        let (y, begin, end) = (lane.y, lane.begin, lane.end);
        text(svg, "", (24, y + 5), "start", &lane.label, LABELS - 8);
        let line = match lane.parent {
            None => format!("M{begin} {y}H{end}"),
            Some((parent, joins)) => {
                let above = layout.lanes[parent].y;
                let (turned, up) = (joins - TURN, joins - 2 * TURN);
                format!(
                    "M{} {above}q{TURN} 0 {TURN} {TURN}V{}q0 {TURN} {TURN} {TURN}H{end}\
                     M{up} {y}q{TURN} 0 {TURN} -{TURN}V{}Q{turned} {above} {joins} {above}",
                    begin - TURN,
                    y - TURN,
                    above + TURN
                )
            }
        };
        let _ = writeln!(svg, "<path class=\"tp-lane\" d=\"{line}\"/>");
        if let Some((parent, joins)) = lane.parent {
            dot(svg, joins, layout.lanes[parent].y);
        }
        dot(svg, begin + TURN, y);
    }
}

fn dot(svg: &mut String, x: u32, y: u32) {
    let _ = writeln!(
        svg,
        "<circle class=\"tp-dot\" cx=\"{x}\" cy=\"{y}\" r=\"6\"/>"
    );
}

/// From who uses a database of another environment to that environment, above the cards.
fn ties(svg: &mut String, manifest: &Manifest, layout: &Layout<'_>) {
    for home in &layout.cards {
        let Some(track) = home.track else { continue };
        for user in layout.cards.iter().filter(|card| card.x != home.x) {
            let mut databases = manifest.databases.keys();
            let of = |name| manifest.database_home(&user.environment.name, name);
            if databases.any(|name| of(name) == home.environment.name) {
                let (from, to, y) = (user.middle - 16, home.middle + 16, home.y);
                let _ = writeln!(
                    svg,
                    "<path class=\"tp-tie\" d=\"M{from} {y}V{track}H{to}V{y}\"/>"
                );
            }
        }
    }
}

fn cards(svg: &mut String, manifest: &Manifest, layout: &Layout<'_>) {
    for card in &layout.cards {
        let (x, y, height, middle) = (card.x, card.y, layout.card_height, card.middle);
        let _ = writeln!(
            svg,
            "<rect class=\"tp-card\" x=\"{x}\" y=\"{y}\" width=\"{CARD}\" height=\"{height}\" rx=\"8\"/>"
        );
        let name = card.environment.name.as_str();
        text(svg, "tp-name", (middle, y + 25), "middle", name, CARD - 24);
        let mut line = y + 46;
        for database in manifest.databases.keys() {
            let home = manifest.database_home(&card.environment.name, database);
            let words = match home == card.environment.name {
                true => database.to_string(),
                false => format!("{database} of {home}"),
            };
            drum(svg, x + 14, line - 10);
            text(svg, "tp-small", (x + 34, line), "start", &words, CARD - 46);
            line += LINE;
        }
        let mut from = y + height;
        let gates = gates(manifest, card.environment);
        if !gates.is_empty() {
            let _ = writeln!(svg, "<path class=\"tp-arrow\" d=\"M{middle} {from}v12\"/>");
            for gate in &gates {
                text(
                    svg,
                    "tp-small",
                    (middle, from + 26),
                    "middle",
                    gate,
                    COLUMN - 16,
                );
                from += LINE;
            }
            from += 16;
        }
        let end = layout.lanes[card.lane].y;
        dot(svg, middle, end);
        let _ = writeln!(
            svg,
            "<path class=\"tp-arrow\" d=\"M{middle} {from}V{}\"/><path class=\"tp-head\" d=\"M{middle} {}l-5 -9h10z\"/>",
            end - 16,
            end - 7
        );
    }
}

/// A small cylinder.
fn drum(svg: &mut String, x: u32, y: u32) {
    let _ = writeln!(
        svg,
        "<path class=\"tp-drum\" d=\"M{x} {y}v9a6 2.5 0 0 0 12 0v-9a6 2.5 0 0 0 -12 0a6 2.5 0 0 0 12 0\"/>"
    );
}

/// What a release waits for on its way to an environment.
fn gates(manifest: &Manifest, environment: &Environment) -> Vec<String> {
    let after = environment
        .after
        .iter()
        .map(|name| format!("verified in {name}"));
    let signed = environment
        .sign_off
        .iter()
        .map(|rule| format!("sign-off: {}", rule.name));
    let freezes = manifest.freezes.iter();
    let frozen = freezes.filter(|freeze| freeze.environments.contains(&environment.name));
    let frozen = frozen.map(|freeze| format!("freeze: {}", freeze.name));
    after.chain(signed).chain(frozen).collect()
}

fn described(manifest: &Manifest, layout: &Layout<'_>) -> String {
    let said = layout.cards.iter().map(|card| {
        let fed = format!(
            "{} is fed by {}",
            card.environment.name, layout.lanes[card.lane].label
        );
        match gates(manifest, card.environment).as_slice() {
            [] => fed,
            gates => format!("{fed} ({})", gates.join(", ")),
        }
    });
    match said.collect::<Vec<_>>().join("; ") {
        said if said.is_empty() => "There is no environment yet.".to_owned(),
        said => format!("{said}."),
    }
}

/// Text at a place; what is wider than `room` is cut, and told in full where a pointer rests on it.
fn text(svg: &mut String, class: &str, at: (u32, u32), anchor: &str, words: &str, room: u32) {
    let (x, y) = at;
    // Widths are those of the name, the largest text; the others are smaller.
    let room = match class {
        "tp-name" => room,
        "tp-small" => room * 15 / 12,
        _ => room * 15 / 13,
    };
    let full = escaped(words);
    let (mut used, mut shown) = (0, String::new());
    for letter in words.chars() {
        used += width(letter);
        shown.push(letter);
    }
    let title = match used > room {
        false => String::new(),
        true => {
            while used + width('…') > room {
                let Some(letter) = shown.pop() else { break };
                used -= width(letter);
            }
            shown.push('…');
            format!("<title>{full}</title>")
        }
    };
    let shown = escaped(&shown);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{title}{shown}</text>"
    );
}

/// The most that a letter takes, in pixels, at the largest size that is used.
fn width(letter: char) -> u32 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | '\'' => 5,
        'm' | 'w' | 'M' | 'W' | '@' => 14,
        ' '..='~' => 10,
        _ if u32::from(letter) < 0x1100 => 12,
        _ => 16,
    }
}

/// Text in XML; what XML cannot hold becomes a replacement character.
fn escaped(words: &str) -> String {
    let mut escaped = String::new();
    for letter in words.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{super::super::tests::*, *};

    #[test]
    fn the_figure_says_what_it_shows() {
        let svg = figure(&manifest(SHARED));
        assert!(
            svg.contains("production is fed by main (verified in staging)."),
            "{svg}"
        );
        assert!(svg.contains(">main of staging</text>"), "{svg}");
        assert_eq!(svg, figure(&manifest(SHARED)));
    }

    #[test]
    fn no_branch_ends_an_element() {
        let svg = figure(&manifest(&SHARED.replace("\"develop\"", "\"a<b&c\\\"'\"")));
        assert!(svg.contains("a&lt;b&amp;c&quot;'"), "{svg}");
        assert!(!svg.contains("a<b"), "{svg}");
    }

    #[test]
    fn long_words_are_cut_and_told() {
        let svg = figure(&manifest(
            &SHARED.replace("develop\"", &format!("{}\"", "x".repeat(90))),
        ));
        assert!(
            svg.contains(&format!("<title>{}</title>xxx", "x".repeat(90))),
            "{svg}"
        );
    }

    #[test]
    fn a_project_without_environments_has_a_lane() {
        let svg = figure(&manifest("[project]\nname = \"p\"\n"));
        assert!(
            svg.contains(">main</text>") && svg.contains("no environment yet"),
            "{svg}"
        );
    }
}

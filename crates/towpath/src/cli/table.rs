//! Columns of text, aligned by what a terminal shows.

/// Prints rows under a heading; the last column is not padded.
pub fn print(heading: &[&str], rows: &[Vec<String>]) {
    let paint = super::style::of_stdout();
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            rows.iter()
                .map(|row| shown(&row[column]))
                .chain([heading[column].len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            text.push_str(cell);
            if column + 1 < cells.len() {
                text.push_str(&" ".repeat(widths[column].saturating_sub(shown(cell)) + 2));
            }
        }
        text.trim_end().to_owned()
    };
    let heading: Vec<String> = heading.iter().map(|text| paint.dim(text)).collect();
    println!("{}", line(&heading));
    for row in rows {
        println!("{}", line(row));
    }
}

/// How many characters a terminal shows of a text: colours take none.
pub fn shown(text: &str) -> usize {
    let mut count = 0;
    let mut in_colour = false;
    for c in text.chars() {
        match c {
            '\x1b' => in_colour = true,
            'm' if in_colour => in_colour = false,
            _ if !in_colour => count += 1,
            _ => {}
        }
    }
    count
}

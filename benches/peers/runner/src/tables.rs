//! Tables of results: all figures for the terminal, and the medians for `benches/README.md`.

use crate::Failure;
use crate::peers::{BOUND, OURS};
use crate::results::Results;
use crate::spread::Spread;
use crate::views::{Column, View};

/// The figures of each peer in a column.
pub fn figures<'a>(column: &Column, results: &'a Results) -> Vec<(&'a str, Spread)> {
    let peers = results.peers().into_iter();
    let of = |peer| Spread::of(results.figures(column.case, peer, column.figure)).map(|spread| (peer, spread));
    peers.filter_map(of).collect()
}

/// The first peer of a column whose name satisfies `is_it`. Bounds come before other peers.
fn find<'a>(figures: &[(&'a str, Spread)], is_it: impl Fn(&str) -> bool) -> Option<&'a str> {
    figures.iter().map(|(peer, _)| *peer).find(|peer| is_it(peer))
}

/// The ratios of a peer's figures to those of another peer. Compares figures of the same turn if the peers took turns.
fn ratios(column: &Column, results: &Results, peer: &str, other: &str) -> Option<Spread> {
    Spread::of(results.ratios(column.case, peer, other, column.figure))
}

/// A table for each column of a view, with all figures. Leaves out columns without results.
pub fn long(view: &View, results: &Results) -> String {
    let mut text = String::new();
    for column in view.columns {
        let figures = figures(column, results);
        if figures.is_empty() {
            continue;
        }
        let (bound, ours) = (find(&figures, |peer| peer.starts_with(BOUND)), find(&figures, |peer| peer == OURS));
        let rows = figures.iter().map(|(peer, spread)| {
            let to = |other: Option<&str>| other.and_then(|other| ratios(column, results, peer, other));
            let range = |spread: Spread| format!("{}–{}", number(spread.least), number(spread.most));
            let cells = |ratio: Option<Spread>| {
                ratio.map_or_else(Default::default, |ratio| [number(ratio.median), range(ratio)])
            };
            let [to_bound, bounds_range] = cells(to(bound));
            let [to_ours, ours_range] = cells(to(ours));
            vec![
                (*peer).to_string(),
                number(spread.median),
                range(*spread),
                to_bound,
                bounds_range,
                to_ours,
                ours_range,
            ]
        });
        let head = ["", "median", "least–most", "/ bound", "least–most", "/ ours", "least–most"];
        text += &format!(
            "\n{} · {} ({}, {})\n{}",
            view.title,
            column.heading,
            column.case,
            column.figure,
            aligned(head.map(String::from).into(), rows)
        );
    }
    text
}

/// A table with a row for each peer: medians, with their ratios to ours in brackets. `None` if there are no results.
pub fn short(view: &View, results: &Results) -> Option<String> {
    let columns: Vec<_> = view
        .columns
        .iter()
        .map(|column| (column, figures(column, results)))
        .filter(|(_, figures)| !figures.is_empty())
        .collect();
    if columns.is_empty() {
        return None;
    }
    let (mut rows, mut spreads, mut ratio_spreads) = (Vec::new(), Vec::new(), Vec::new());
    for peer in results.peers() {
        let mut cell = |(column, figures): &(&Column, Vec<(&str, Spread)>)| {
            let Some((_, spread)) = figures.iter().find(|(other, _)| *other == peer) else { return String::new() };
            spreads.push(spread.width());
            if peer == OURS {
                return format!("**{}**", number(spread.median));
            }
            let Some(ratio) = ratios(column, results, peer, OURS) else { return number(spread.median) };
            ratio_spreads.push(ratio.width());
            format!("{} ({})", number(spread.median), number(ratio.median))
        };
        let cells: Vec<_> = columns.iter().map(&mut cell).collect();
        if cells.iter().any(|cell| !cell.is_empty()) {
            let name = if peer == OURS { format!("**{peer}**") } else { peer.to_string() };
            rows.push([vec![name], cells].concat());
        }
    }
    let heads = columns.iter().map(|(column, _)| column.heading.to_string());
    let head = [vec![String::new()], heads.collect()].concat();
    Some(format!(
        "### {}\n\n{} In brackets: the ratio to ours.\n\n{}{}",
        view.title,
        view.note,
        markdown(&head, &rows),
        variation(spreads, ratio_spreads),
    ))
}

/// Says how much the rounds vary. Empty if they do not, or if there was only one.
fn variation(figures: Vec<f64>, ratios: Vec<f64>) -> String {
    let percent = |widths: Vec<f64>| {
        let widths = Spread::of(widths).filter(|widths| widths.most > 0.0)?;
        Some((widths.median * 100.0, widths.most * 100.0))
    };
    let figures = percent(figures).map(|(half, worst)| {
        format!(
            "\nRounds differ from the median by up to {half:.0} % in half of the cells, and by up to {worst:.0} % in the \
             worst."
        )
    });
    let ratios = percent(ratios)
        .map(|(half, worst)| format!(" The ratios to ours differ by up to {half:.0} %, and by up to {worst:.0} %."));
    figures.map(|figures| figures + &ratios.unwrap_or_default() + "\n").unwrap_or_default()
}

/// The peers that were left out, and why.
pub fn left_out(results: &Results) -> String {
    let lines = results.left_out.iter().map(|left_out| {
        let case = left_out.case.as_ref().map(|case| format!(", {case}")).unwrap_or_default();
        format!("left out: {}{case}: {}\n", left_out.peer, left_out.why)
    });
    lines.collect()
}

/// Replaces the text between the two markers of a workload, or of the summary.
pub fn replace_between_markers(text: &str, workload: &str, with: &str) -> Result<String, Failure> {
    let (begin, end) = (format!("<!-- peers, {workload}: begin -->\n"), format!("<!-- peers, {workload}: end -->"));
    let missing = |marker: &str| format!("the text has no marker {:?}", marker.trim());
    let (before, rest) = text.split_once(&begin).ok_or_else(|| missing(&begin))?;
    let (_, after) = rest.split_once(&end).ok_or_else(|| missing(&end))?;
    Ok(format!("{before}{begin}{with}{end}{after}"))
}

pub fn markdown(head: &[String], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let rule = format!("|---|{}\n", "--:|".repeat(head.len() - 1));
    [line(head), rule].into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

fn aligned(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let lines: Vec<_> = [head].into_iter().chain(rows).collect();
    let width = |index: usize| lines.iter().map(|line| line[index].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        text += &format!("  {:<width$}", line[0], width = widths[0]);
        for (cell, width) in line.iter().zip(&widths).skip(1) {
            text += &format!("  {cell:>width$}");
        }
        text += "\n";
    }
    text
}

/// Formats a number with three significant digits, or with all digits before the point, in groups of three.
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let digits = whole.chars().count();
    let grouped = whole.chars().enumerate().flat_map(|(index, digit)| {
        let comma = (index > 0 && (digits - index) % 3 == 0 && digit.is_ascii_digit()).then_some(',');
        comma.into_iter().chain([digit])
    });
    grouped.collect::<String>() + &rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Record;

    const VIEW: View = View {
        workload: "echo",
        name: "test",
        title: "Rates",
        note: "More is better.",
        columns: &[
            Column { case: "a", figure: "rate", heading: "A" },
            Column { case: "b", figure: "rate", heading: "B" },
            Column { case: "nobody", figure: "rate", heading: "C" },
        ],
    };

    fn results() -> Results {
        let record = |peer: &str, case: &str, round, rate| Record {
            case: case.into(),
            peer: peer.into(),
            round,
            turn: 0,
            figures: [("rate".to_string(), rate)].into(),
        };
        let records = vec![
            record("bound: x", "a", 0, 2000.0),
            record("innermost", "a", 0, 900.0),
            record("other", "a", 0, 500.0),
            record("innermost", "a", 1, 1100.0),
            record("other", "b", 0, 3.0),
        ];
        Results { records, ..Results::default() }
    }

    #[test]
    fn a_short_table_has_medians_and_their_ratios_to_ours() {
        let expected = "### Rates\n\nMore is better. In brackets: the ratio to ours.\n\n\
            |  | A | B |\n|---|--:|--:|\n\
            | bound: x | 2,000 (2.22) |  |\n| **innermost** | **1,000** |  |\n| other | 500 (0.56) | 3.00 |\n\n\
            Rounds differ from the median by up to 0 % in half of the cells, and by up to 10 % in the worst.\n";
        assert_eq!(short(&VIEW, &results()).unwrap(), expected);
    }

    #[test]
    fn the_variation_covers_figures_and_ratios() {
        let text = variation(vec![0.3, 0.1, 0.2], vec![0.01, 0.05]);
        let expected = "\nRounds differ from the median by up to 20 % in half of the cells, and by up to 30 % in the worst. \
            The ratios to ours differ by up to 3 %, and by up to 5 %.\n";
        assert_eq!(text, expected);
        assert_eq!(variation(vec![0.0, 0.0], vec![0.0]), "");
    }

    #[test]
    fn a_long_table_has_the_spread_and_both_ratios() {
        let expected = "\nRates · A (a, rate)\n  median  least–most  / bound  least–most  / ours  least–most\n  \
            bound: x   2,000  2,000–2,000  1.00  1.00–1.00  2.22  2.22–2.22\n  \
            innermost  1,000    900–1,100  0.45  0.45–0.45  1.00  1.00–1.00\n  \
            other        500      500–500  0.25  0.25–0.25  0.56  0.56–0.56\n";
        let text = long(&VIEW, &results());
        let words = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(words(text.split("\nRates · B").next().unwrap()), words(expected));
    }

    #[test]
    fn no_results_make_no_table() {
        assert_eq!(short(&VIEW, &Results::default()), None);
        assert_eq!(long(&VIEW, &Results::default()), "");
    }

    #[test]
    fn numbers_have_three_digits_in_groups() {
        let cases =
            [(0.0, "0.00"), (1.234, "1.23"), (9.999, "10.0"), (12.34, "12.3"), (99.96, "100"), (999.6, "1,000")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(1_234_567.0), "1,234,567");
        assert_eq!(number(-1234.0), "-1,234");
    }

    #[test]
    fn only_the_text_between_the_markers_is_replaced() {
        let text = "a\n<!-- peers, echo: begin -->\nold\n<!-- peers, echo: end -->\nb\n";
        let replaced = replace_between_markers(text, "echo", "new\n").unwrap();
        assert_eq!(replaced, "a\n<!-- peers, echo: begin -->\nnew\n<!-- peers, echo: end -->\nb\n");
        assert!(replace_between_markers(text, "tasks", "").unwrap_err().to_string().contains("tasks"));
    }
}

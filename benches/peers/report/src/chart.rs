//! One chart.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use runner::Failure;
use runner::peers::{BOUND, OURS};
use runner::results::Results;
use runner::spread::Spread;
use runner::tables::{figures, number};
use runner::views::View;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: i32 = 460;
const NAMES: i32 = 150;
const FIGURES: i32 = 70;
const ROW: i32 = 17;
const HEAD: i32 = 26;
const GAP: i32 = 14;
/// The number of panels side by side.
const ABREAST: usize = 2;

/// If the largest figure exceeds the smallest by more than this factor, the scale is logarithmic.
const WIDE: f64 = 30.0;

const INK: RGBColor = RGBColor(40, 40, 40);
const THEIRS: RGBColor = RGBColor(150, 170, 200);
const OUR_OWN: RGBColor = RGBColor(220, 110, 30);
const BOUNDS: RGBColor = RGBColor(190, 190, 190);

pub(crate) fn draw(view: &View, results: &Results, path: &Path) -> Result<(), Failure> {
    let panels: Vec<_> = view
        .columns
        .iter()
        .map(|column| (column.heading, figures(column, results)))
        .filter(|(_, figures)| !figures.is_empty())
        .collect();
    let Some(most) = panels.iter().map(|(_, figures)| figures.len()).max() else { return Ok(()) };
    let height = HEAD + ROW * most as i32 + GAP;
    let rows = panels.len().div_ceil(ABREAST) as i32;
    let abreast = ABREAST.min(panels.len()) as i32;
    let size = ((WIDTH * abreast) as u32, (HEAD + rows * height) as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    root.draw(&Text::new(view.title, (8, 6), ("sans-serif", 15).into_font().color(&INK)))?;
    for (index, (heading, figures)) in panels.iter().enumerate() {
        let (column, row) = ((index % ABREAST) as i32, (index / ABREAST) as i32);
        let area = root.clone().shrink((column * WIDTH, HEAD + row * height), (WIDTH as u32, height as u32));
        panel(&area, heading, figures)?;
    }
    root.present()?;
    Ok(())
}

fn panel(area: &Area<'_>, heading: &str, figures: &[(&str, Spread)]) -> Result<(), Failure> {
    let scale = Scale::of(figures, WIDTH - NAMES - FIGURES);
    let heading = if scale.is_logarithmic { format!("{heading} (logarithmic)") } else { heading.to_string() };
    area.draw(&Text::new(heading, (8, 6), ("sans-serif", 13).into_font().color(&INK)))?;
    let right = |style: TextStyle<'static>| style.pos(Pos::new(HPos::Right, VPos::Center));
    let small = || ("sans-serif", 11).into_font().color(&INK);
    for (index, (peer, spread)) in figures.iter().enumerate() {
        let top = HEAD + index as i32 * ROW;
        let middle = top + ROW / 2;
        let color = match *peer {
            OURS => OUR_OWN,
            peer if peer.starts_with(OURS) => OUR_OWN.mix(0.6).to_rgb(),
            peer if peer.starts_with(BOUND) => BOUNDS,
            _ => THEIRS,
        };
        let at = |value| NAMES + scale.at(value);
        area.draw(&Text::new((*peer).to_string(), (NAMES - 6, middle), right(small())))?;
        area.draw(&Rectangle::new([(NAMES, top + 2), (at(spread.median), top + ROW - 2)], color.filled()))?;
        area.draw(&PathElement::new([(at(spread.least), middle), (at(spread.most), middle)], INK))?;
        let figure = small().pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(number(spread.median), (at(spread.most) + 5, middle), figure))?;
    }
    // Marks the medians of the bound and of ours, so that other bars can be compared with them.
    let bound = figures.iter().find(|(peer, _)| peer.starts_with(BOUND));
    let ours = figures.iter().find(|(peer, _)| *peer == OURS);
    for ((_, spread), color) in bound.map(|it| (it, INK)).into_iter().chain(ours.map(|it| (it, OUR_OWN))) {
        let x = NAMES + scale.at(spread.median);
        let bottom = HEAD + figures.len() as i32 * ROW;
        area.draw(&PathElement::new([(x, HEAD), (x, bottom)], color.mix(0.5)))?;
    }
    Ok(())
}

trait ToRgb {
    fn to_rgb(&self) -> RGBColor;
}

impl ToRgb for RGBAColor {
    /// The colour on a white background.
    fn to_rgb(&self) -> RGBColor {
        let on_white = |channel: u8| (f64::from(channel) * self.3 + 255.0 * (1.0 - self.3)) as u8;
        RGBColor(on_white(self.0), on_white(self.1), on_white(self.2))
    }
}

/// Converts figures to lengths.
struct Scale {
    least: f64,
    most: f64,
    length: f64,
    is_logarithmic: bool,
}

impl Scale {
    fn of(figures: &[(&str, Spread)], length: i32) -> Self {
        let least = figures.iter().map(|(_, spread)| spread.least).fold(f64::INFINITY, f64::min);
        let most = figures.iter().map(|(_, spread)| spread.most).fold(0.0, f64::max);
        let is_logarithmic = least > 0.0 && most / least > WIDE;
        // Keeps the shortest bar visible.
        let least = if is_logarithmic { least / 2.0 } else { 0.0 };
        Self { least, most, length: f64::from(length), is_logarithmic }
    }

    fn at(&self, value: f64) -> i32 {
        let share = if self.is_logarithmic {
            (value / self.least).ln() / (self.most / self.least).ln()
        } else if self.most > 0.0 {
            value / self.most
        } else {
            0.0
        };
        (share * self.length) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: &[f64]) -> Vec<(&'static str, Spread)> {
        values.iter().map(|&value| ("x", Spread { least: value, median: value, most: value })).collect()
    }

    #[test]
    fn a_narrow_range_starts_at_zero() {
        let scale = Scale::of(&figures(&[1.0, 2.0]), 100);
        assert_eq!((scale.at(0.0), scale.at(1.0), scale.at(2.0)), (0, 50, 100));
    }

    #[test]
    fn a_wide_range_is_logarithmic() {
        let scale = Scale::of(&figures(&[1.0, 100.0]), 100);
        let (first, middle, last) = (scale.at(1.0), scale.at(10.0), scale.at(100.0));
        assert!(first > 0 && last == 100);
        assert!((last - middle).abs_diff(middle - first) <= 1);
    }

    #[test]
    fn zeros_have_no_length() {
        assert_eq!(Scale::of(&figures(&[0.0]), 100).at(0.0), 0);
    }
}

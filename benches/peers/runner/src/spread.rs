//! The spread of several figures for the same thing.

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    /// The spread of these values, or `None` if there are none. Ignores values that are not finite. The median of an even
    /// number of values is halfway between the middle two.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median =
            if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Some(Self { least, median, most })
    }

    /// The larger distance from the median to an end, as a share of the median.
    pub fn width(&self) -> f64 {
        if self.median == 0.0 {
            return 0.0;
        }
        (self.most - self.median).max(self.median - self.least) / self.median
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_number_of_values_is_the_middle_one() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
    }

    #[test]
    fn the_median_of_an_even_number_of_values_is_halfway_between_two() {
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
    }

    #[test]
    fn no_values_have_no_spread_and_nan_is_ignored() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN, 1.0]).unwrap().median, 1.0);
    }

    #[test]
    fn the_width_is_the_larger_distance_from_the_median() {
        assert_eq!(Spread { least: 8.0, median: 10.0, most: 11.0 }.width(), 0.2);
        assert_eq!(Spread { least: 0.0, median: 0.0, most: 0.0 }.width(), 0.0);
    }
}

//! Latencies, of which quantiles are wanted and not the list.

/// Buckets on a logarithmic scale, 64 to the octave: a quantile is right within 1.6 %.
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
}

const OCTAVES: usize = 60;

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; 64 * OCTAVES], count: 0 }
    }
}

impl Histogram {
    #[inline]
    pub fn add(&mut self, value: u64) {
        self.buckets[index(value)] += 1;
        self.count += 1;
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The middle of the bucket in which the given share of the values ends; 0 where there are none.
    pub fn quantile(&self, share: f64) -> f64 {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return middle(index);
            }
        }
        0.0
    }
}

/// Values below 64 have buckets of their own; then 64 buckets to each power of two.
#[inline]
fn index(value: u64) -> usize {
    if value < 64 {
        return value as usize;
    }
    let exponent = 63 - value.leading_zeros() as usize;
    (exponent - 5) * 64 + ((value >> (exponent - 6)) as usize & 63)
}

fn middle(index: usize) -> f64 {
    if index < 64 {
        return index as f64;
    }
    let (exponent, step) = (index / 64 + 5, index % 64);
    ((64 + step) as f64 + 0.5) * 2_f64.powi(exponent as i32 - 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_within_a_bucket_of_the_exact_one() {
        let mut histogram = Histogram::default();
        (1..=100_000).for_each(|value| histogram.add(value));
        assert_eq!(histogram.count(), 100_000);
        for (share, exact) in [(0.5, 50_000.0), (0.99, 99_000.0), (0.999, 99_900.0)] {
            let found = histogram.quantile(share);
            assert!((found / exact - 1.0).abs() < 0.016, "{share}: {found}");
        }
    }

    #[test]
    fn without_values_every_quantile_is_nought() {
        assert_eq!(Histogram::default().quantile(0.5), 0.0);
    }

    #[test]
    fn the_largest_value_has_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        assert!(histogram.quantile(1.0) > 1.8e19);
    }
}

//! A histogram of latencies.

/// A histogram with a logarithmic scale of 64 buckets per power of two. Quantiles are accurate to 1.6 %.
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

    /// The nonempty buckets with their counts. [`add_bucket`](Self::add_bucket) makes a histogram of them again.
    pub fn buckets(&self) -> impl Iterator<Item = (usize, u64)> {
        self.buckets.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }

    /// Adds the count of another histogram's bucket. Returns false if there is no such bucket.
    pub fn add_bucket(&mut self, bucket: usize, count: u64) -> bool {
        let Some(held) = self.buckets.get_mut(bucket) else { return false };
        *held += count;
        self.count += count;
        true
    }

    /// The middle of the bucket that contains the given quantile. 0 if there are no values.
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

/// The bucket of a value. Each value below 64 has a bucket of its own. Above, each power of two has 64 buckets.
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
    fn without_values_every_quantile_is_zero() {
        assert_eq!(Histogram::default().quantile(0.5), 0.0);
    }

    #[test]
    fn histograms_are_merged_bucket_by_bucket() {
        let (mut low, mut high, mut all) = (Histogram::default(), Histogram::default(), Histogram::default());
        (1..=1000).for_each(|value| if value <= 600 { low.add(value) } else { high.add(value) });
        (1..=1000).for_each(|value| all.add(value));
        let mut merged = Histogram::default();
        assert!(low.buckets().chain(high.buckets()).all(|(bucket, count)| merged.add_bucket(bucket, count)));
        assert_eq!(merged.count(), 1000);
        assert_eq!(merged.buckets().collect::<Vec<_>>(), all.buckets().collect::<Vec<_>>());
        assert!(!merged.add_bucket(usize::MAX, 1));
    }

    #[test]
    fn the_largest_value_has_a_bucket() {
        let mut histogram = Histogram::default();
        histogram.add(u64::MAX);
        assert!(histogram.quantile(1.0) > 1.8e19);
    }
}

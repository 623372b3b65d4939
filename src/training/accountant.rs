//! How much a private training reveals: the accountant of the Poisson-subsampled Gaussian mechanism.
//!
//! A training is (ε, δ)-differentially private if no outcome is more than e^ε times as probable with an image among the
//! training images as without it, but for a probability of δ. For each order α, the Rényi divergence of one step with the
//! sampling rate q and the noise multiplier σ is `log A / (α - 1)`, where, for a whole α,
//!
//! ```text
//! A = Σ over k from 0 to α of (α over k) (1 - q)^(α - k) q^k exp(k (k - 1) / (2σ²))
//! ```
//!
//! Mironov and others 2019, <https://arxiv.org/abs/1908.10530>, also for other α. The divergences of steps add up. With
//! their sum r, the training is (ε, δ)-private for
//!
//! ```text
//! ε = r + log(1 - 1/α) - log(δα) / (α - 1)
//! ```
//!
//! Canonne and others 2020, <https://arxiv.org/abs/2004.00010>, proposition 12. The best α counts. The orders, and the bound
//! of the terms of a fractional α, are those of Google's `dp-accounting`.

use std::f64::consts::{PI, SQRT_2};

/// The most terms of the sum for a fractional order.
const MOST_TERMS: usize = 1000;
/// The largest noise multiplier that is tried. A larger one leaves nothing to learn.
const MOST_NOISE: f64 = 1e6;

/// ε for `delta` in (0, 1), after `steps` steps that take each image with the probability `rate`, in (0, 1], and add normal
/// noise of the standard deviation `noise`, greater than 0, times the largest norm of an image's gradient.
pub fn epsilon(rate: f64, noise: f64, steps: usize, delta: f64) -> f64 {
    let tenths = (11..110).map(|tenths| f64::from(tenths) / 10.0);
    let whole = (11..64).chain([128, 256, 512, 1024]).map(f64::from);
    let of_order = |order: f64| {
        let of_step = match rate {
            1.0 => order / (2.0 * noise.powi(2)),
            // Rounding can make it negative.
            _ => (log_a(rate, noise, order) / (order - 1.0)).max(0.0),
        };
        let divergence = steps as f64 * of_step;
        // Few steps: the Kullback-Leibler divergence bounds δ.
        if delta.powi(2) + (-divergence).exp_m1() > 0.0 {
            return 0.0;
        }
        divergence + (-1.0 / order).ln_1p() - (delta * order).ln() / (order - 1.0)
    };
    tenths.chain(whole).map(of_order).fold(f64::INFINITY, f64::min).max(0.0)
}

/// The smallest noise multiplier, to six digits, with which `steps` steps stay within the ε `budget`, if one does.
pub fn noise_multiplier(rate: f64, steps: usize, budget: f64, delta: f64) -> Option<f64> {
    let is_enough = |noise: f64| epsilon(rate, noise, steps, delta) <= budget;
    let (mut low, mut high) = (1e-2_f64, 1.0);
    while !is_enough(high) {
        (low, high) = (high, 2.0 * high);
        if high > MOST_NOISE {
            return None;
        }
    }
    while high / low > 1.0 + 1e-6 {
        let middle = (low * high).sqrt();
        if is_enough(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The integral in two parts, below and above z, each the sum of a series. Infinite if it does not converge.
fn log_a(rate: f64, noise: f64, order: f64) -> f64 {
    let variance = noise.powi(2);
    let z = variance * (1.0 / rate - 1.0).ln() + 0.5;
    let (mut sum, mut last) = (f64::NEG_INFINITY, [f64::NEG_INFINITY; 2]);
    // For a whole order, there are terms up to the order.
    for i in (0..MOST_TERMS.max(order as usize + 2)).map(|i| i as f64) {
        let j = order - i;
        // The logarithm of its absolute value.
        let binomial = libm::lgamma(order + 1.0) - libm::lgamma(i + 1.0) - libm::lgamma(j + 1.0);
        let term = |taken: f64, left: f64, distance: f64| {
            binomial
                + taken * rate.ln()
                + left * (-rate).ln_1p()
                + (taken * taken - taken) / (2.0 * variance)
                + log_erfc(distance / (SQRT_2 * noise))
                - 2f64.ln()
        };
        let terms = [term(i, j, i - z), term(j, i, z - j)];
        sum = terms.into_iter().fold(sum, log_add);
        let are_falling = terms[0] < last[0] && terms[1] < last[1];
        if are_falling && terms[0].max(terms[1]) < sum - 30.0 {
            return sum;
        }
        last = terms;
    }
    f64::INFINITY
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (small, large) = (a.min(b), a.max(b));
    if small == f64::NEG_INFINITY { large } else { large + (small - large).exp().ln_1p() }
}

/// `log(erfc(x))`. Where erfc is too small for a number, by its asymptotic series.
fn log_erfc(x: f64) -> f64 {
    if x < 20.0 {
        return libm::erfc(x).ln();
    }
    let square = x.powi(2);
    -square - (x * PI.sqrt()).ln() + (-0.5 / square + 0.75 / square.powi(2)).ln_1p()
}

#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::{Command, Stdio};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;

/// Sampling rate, noise multiplier, steps and δ, with the ε that `tests/privacy/epsilon.py` has for them: dp-accounting
/// 0.6.0, `RdpAccountant`.
const BY_DP_ACCOUNTING: [(f64, f64, usize, f64, f64); 8] = [
    (0.136533, 2.0, 480, 1e-5, 8.45548357767),
    (0.004, 1.1, 15_000, 1e-5, 2.50287092965),
    (1.0, 20.0, 100, 1e-5, 2.16571565903),
    (0.01, 0.5, 100, 1e-6, 9.50157897267),
    (0.27, 4.0, 300, 1e-5, 5.88285182283),
    (0.001, 10.0, 1, 1e-3, 0.0),
    (0.5, 0.3, 10, 1e-7, 92.9573077341),
    (1e-4, 0.8, 100_000, 1e-8, 1.53000965914),
];

#[test]
fn epsilon_equals_that_of_dp_accounting() {
    for (rate, noise, steps, delta, expected) in BY_DP_ACCOUNTING {
        let found = super::epsilon(rate, noise, steps, delta);
        assert!((found - expected).abs() <= 1e-9 * (1.0 + expected), "{rate} {noise} {steps}: {found}, not {expected}");
    }
}

#[test]
fn noise_multiplier_is_the_smallest_that_stays_within_epsilon() {
    for (rate, steps, epsilon) in [(0.136533, 480, 3.0), (1.0, 1, 0.1), (0.001, 10, 50.0), (0.27, 240, 8.0)] {
        let noise = noise_multiplier(rate, steps, epsilon, 1e-5).unwrap();
        assert!(super::epsilon(rate, noise, steps, 1e-5) <= epsilon, "{rate}: {noise}");
        assert!(super::epsilon(rate, noise * 0.9999, steps, 1e-5) > epsilon, "{rate}: {noise}");
    }
    assert_eq!(noise_multiplier(1.0, 1_000_000_000, 1e-9, 1e-12), None);
}

#[test]
#[ignore = "needs Python: python3 -m venv venv && . venv/bin/activate && pip install dp-accounting"]
fn epsilon_of_200_random_settings_is_at_most_1_percent_above_dp_accounting_and_never_below() {
    let mut generator = ChaCha8Rng::seed_from_u64(1);
    let mut log_uniform = |low: f64, high: f64| (low.ln() + generator.random::<f64>() * (high / low).ln()).exp();
    let settings: Vec<[f64; 4]> = (0..200)
        .map(|_| {
            let rate = log_uniform(1e-4, 1.5).min(1.0);
            [rate, log_uniform(0.4, 50.0), log_uniform(1.0, 100_000.0).round(), log_uniform(1e-9, 1e-2)]
        })
        .collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/privacy/epsilon.py");
    let mut python = Command::new("python3");
    let mut python = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    python.stdin.take().unwrap().write_all(&serde_json::to_vec(&settings).unwrap()).unwrap();
    let expected: Vec<f64> = serde_json::from_slice(&python.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(expected.len(), 200);
    assert!(expected.iter().filter(|&&it| it > 0.1).count() > 100, "the comparison can fail");
    for (&[rate, noise, steps, delta], expected) in settings.iter().zip(expected) {
        let found = super::epsilon(rate, noise, steps as usize, delta);
        let what = format!("{rate}, {noise}, {steps}, {delta}: {found}, dp-accounting {expected}");
        assert!(found >= expected - 1e-6 && found <= 1.01 * expected + 1e-6, "{what}");
    }
}

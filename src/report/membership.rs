//! How well an attack tells training images from others: true positives over false positives, on logarithmic axes.

use askama::Template;

use super::curves::{BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, tenth};
use crate::{evaluation::Attack, run::PrivacyRecord};

/// The smallest rate that is drawn, as a power of ten.
const LEAST: f64 = -3.0;
const POINTS: usize = 60;

#[derive(Template)]
#[template(path = "membership.html")]
pub struct Membership<'a> {
    pub attack: &'a Attack,
    /// What bounds the attack, if the training was private.
    pub privacy: Option<PrivacyRecord>,
}

impl Membership<'_> {
    fn curve(&self) -> String {
        points(|false_positives| self.attack.true_positives(false_positives))
    }

    /// The most that an (ε, δ)-differentially private training allows (<https://arxiv.org/abs/1311.0776>).
    fn bound(&self) -> Option<String> {
        let PrivacyRecord { epsilon, delta, .. } = self.privacy?;
        Some(points(|false_positives| (epsilon.exp() * false_positives + delta).min(1.0)))
    }
}

/// The points of a curve, from the smallest rate of false positives to one below 1.
fn points(true_positives: impl Fn(f64) -> f64) -> String {
    let point = |number: usize| {
        let false_positives = 10f64.powf(LEAST * (1.0 - number as f64 / POINTS as f64));
        format!("{},{}", x(false_positives), y(true_positives(false_positives)))
    };
    (0..POINTS).map(point).collect::<Vec<_>>().join(" ")
}

fn grid() -> [(f64, f64, &'static str); 4] {
    [(0.001, "0.1"), (0.01, "1"), (0.1, "10"), (1.0, "100 %")].map(|(rate, label)| (x(rate), y(rate), label))
}

fn x(rate: f64) -> f64 {
    tenth(RIGHT + (RIGHT - LEFT) * rate.log10().max(LEAST) / -LEAST)
}

fn y(rate: f64) -> f64 {
    tenth(TOP - (BOTTOM - TOP) * rate.log10().max(LEAST) / -LEAST)
}

//! Damaged files: whatever stands in one, there is an experiment or a list of problems.

use super::super::{BASELINE, ConfigError};
use super::{load, loaded};

/// Pieces that a mutation puts in, chosen to break syntax, types and ranges.
const PIECES: &[&str] = &[
    "=",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    "#",
    "\n",
    "\r",
    " ",
    "0",
    "-",
    "nan",
    "inf",
    "1e999",
    "99999999999999999999",
    "true",
    "[early_stopping]\n",
    "[[data]]\n",
    "model.hidden.x = 1\n",
    "\"\" = 1\n",
    "``",
    "\u{0}",
    "\u{feff}",
    "\u{e9}",
    "\"\\n\" = 2\n",
    "'`a` or `b`'",
];

/// A linear congruential generator (Knuth's MMIX constants): the same damage on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// The text with a few letters cut out or pieces put in.
    fn damaged(&mut self, text: &str) -> String {
        let mut letters: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(2) {
            let start = self.below(letters.len());
            let end = (start + self.below(6)).min(letters.len());
            let piece = PIECES[self.below(PIECES.len())];
            letters.splice(start..end, piece.chars());
        }
        letters.into_iter().collect()
    }
}

#[test]
fn damaged_file_gives_an_experiment_or_problems() {
    let mut dice = Dice(1);
    let mut refused = 0;
    for _ in 0..600 {
        let text = dice.damaged(BASELINE);
        let argument = dice.damaged("model.hidden=[300, 100]");
        let arguments = [argument.as_str()];
        // Every other file alone: most damaged arguments are refused.
        match load(&text, &arguments[dice.below(2)..]) {
            Ok(experiment) => assert_eq!(loaded(&experiment.to_toml(), &[]), experiment),
            Err(ConfigError::Problems { problems, .. }) => {
                assert!(!problems.is_empty());
                let lines = text.lines().count().max(1);
                assert!(problems.iter().all(|problem| problem.line.is_none_or(|line| (1..=lines).contains(&line))));
                refused += 1;
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!((300..590).contains(&refused), "{refused} of 600 refused: the damage is too mild or too great");
}

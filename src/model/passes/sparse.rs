//! Products of a matrix that is mostly zeros.
#![expect(unsafe_code, reason = "vectors are read and written by pointers")]

use std::mem::MaybeUninit;

use macerator::{Scalar, Simd, Vector, vload_unaligned, vstore_unaligned, with_simd};
use rayon::prelude::*;

/// The multiplications for one thread: waking another costs as much as about so many.
const PARALLEL_GRAIN: usize = 1 << 21;

/// The numbers of a matrix that are not 0, row by row, each with its column.
#[derive(Debug, Default)]
pub struct Sparse {
    /// Where each row starts in `entries`, and where the last one ends.
    starts: Vec<usize>,
    /// Those behind the last row are of earlier matrices.
    entries: Vec<(u32, f32)>,
}

impl Sparse {
    pub fn clear(&mut self) {
        self.starts.clear();
        self.starts.push(0);
    }

    /// Adds the rows of `bytes`, each `columns` long, except zeros. Each byte is multiplied by what `values` has for it.
    pub fn extend(&mut self, bytes: &[u8], columns: usize, values: &[f32; 256]) {
        let mut end = self.count();
        for row in bytes.chunks_exact(columns) {
            self.entries.resize(self.entries.len().max(end + columns), (0, 0.0));
            for (first, bytes) in (0..).step_by(8).zip(row.chunks(8)) {
                if bytes.first_chunk() == Some(&[0; 8]) {
                    continue;
                }
                // A zero is written too, and then overwritten: there is no branch to guess.
                for (column, &byte) in (first..).zip(bytes) {
                    self.entries[end] = (column, values[usize::from(byte)]);
                    end += usize::from(byte != 0);
                }
            }
            self.starts.push(end);
        }
    }

    fn count(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    pub fn rows(&self) -> impl Iterator<Item = &[(u32, f32)]> {
        self.starts.windows(2).map(|ends| &self.entries[ends[0]..ends[1]])
    }

    /// Overwrites `to` with the transposed matrix, of `columns` rows.
    pub fn transpose(&self, columns: usize, to: &mut Self) {
        to.starts.clear();
        to.starts.resize(columns + 2, 0);
        // Two places ahead, so that after the entries have been placed, each start is in its own place.
        let entries = &self.entries[..self.count()];
        entries.iter().for_each(|&(column, _)| to.starts[column as usize + 2] += 1);
        for column in 2..to.starts.len() {
            to.starts[column] += to.starts[column - 1];
        }
        to.entries.resize(to.entries.len().max(entries.len()), (0, 0.0));
        for (row, entries) in (0..).zip(self.rows()) {
            for &(column, value) in entries {
                let place = &mut to.starts[column as usize + 1];
                to.entries[*place] = (row, value);
                *place += 1;
            }
        }
        to.starts.truncate(columns + 1);
    }

    /// Overwrites `product` with `self · dense`, and `start`, as long as a row of `dense`, added to each row.
    pub fn times(&self, dense: &[f32], start: &[f32], product: &mut Vec<f32>) {
        let (width, rows) = (start.len(), self.starts.len() - 1);
        product.clear();
        product.reserve(rows * width);
        let spare = &mut product.spare_capacity_mut()[..rows * width];
        let parts = (self.count() * width).div_ceil(PARALLEL_GRAIN).min(rows).max(1);
        let each = rows.div_ceil(parts);
        let spare = spare.par_chunks_mut(each * width).enumerate();
        spare.for_each(|(part, product)| sum(self, &self.starts[part * each..], dense, start, product));
        // SAFETY: `sum` has written every number of each part.
        unsafe { product.set_len(rows * width) };
    }

    /// Overwrites the part of each row of a product that begins at `at` and is N vectors wide. Returns the width.
    #[inline(always)]
    fn sum_part<S: Simd, const N: usize>(
        &self,
        at: usize,
        starts: &[usize],
        dense: &[f32],
        start: &[f32],
        product: &mut [MaybeUninit<f32>],
    ) -> usize {
        let (width, lanes) = (start.len(), f32::lanes::<S>());
        let start: [Vector<S, f32>; N] = load(&start[at..]);
        for (row, ends) in product.chunks_exact_mut(width).zip(starts.windows(2)) {
            let mut sums = start;
            for &(column, value) in &self.entries[ends[0]..ends[1]] {
                let value = value.splat();
                let dense: [Vector<S, f32>; N] = load(&dense[column as usize * width + at..]);
                for i in 0..N {
                    sums[i] = dense[i].mul_add(value, sums[i]);
                }
            }
            let row = &mut row[at..][..N * lanes];
            for (i, sum) in sums.into_iter().enumerate() {
                // SAFETY: the part of the row has N vectors.
                unsafe { vstore_unaligned(row.as_mut_ptr().add(i * lanes).cast(), sum) };
            }
        }
        N * lanes
    }
}

/// Overwrites the rows of a product, from that of the first of `starts` on, in parts whose sums stay in registers.
#[with_simd]
fn sum<S: Simd>(sparse: &Sparse, starts: &[usize], dense: &[f32], start: &[f32], product: &mut [MaybeUninit<f32>]) {
    let (width, lanes) = (start.len(), f32::lanes::<S>());
    let mut at = 0;
    while at < width {
        at += match (width - at) / lanes {
            8.. => sparse.sum_part::<S, 8>(at, starts, dense, start, product),
            1.. => sparse.sum_part::<S, 1>(at, starts, dense, start, product),
            // The last vector overlaps the one before.
            0 => sparse.sum_part::<S, 1>(width - lanes, starts, dense, start, product),
        };
    }
}

/// The first N vectors of a slice.
#[inline(always)]
fn load<S: Simd, const N: usize>(from: &[f32]) -> [Vector<S, f32>; N] {
    let (from, lanes) = (&from[..N * f32::lanes::<S>()], f32::lanes::<S>());
    // SAFETY: the slice has N vectors.
    std::array::from_fn(|i| unsafe { vload_unaligned(from.as_ptr().add(i * lanes)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of which about a quarter are not 0.
    fn bytes(count: usize) -> Vec<u8> {
        (0..count).map(|i| if i * 7 % 11 < 3 { (i * 37 % 255) as u8 } else { 0 }).collect()
    }

    #[test]
    fn sparse_product_and_its_transposed_one_equal_their_definition() {
        let values = std::array::from_fn(|byte| byte as f32 / 64.0);
        // Widths of every kind of part; the last one on several threads.
        for [rows, columns, width] in [[3, 13, 37], [7, 21, 165], [1, 8, 128], [40, 300, 1600]] {
            let bytes = bytes(rows * columns);
            let (mut sparse, mut transposed) = (Sparse::default(), Sparse::default());
            sparse.clear();
            sparse.extend(&bytes, columns, &values);
            sparse.transpose(columns, &mut transposed);
            let number = |i: usize| (i * 31 % 17) as f32 / 8.0 - 1.0;
            let start: Vec<f32> = (0..width).map(number).collect();
            for (matrix, is_transposed) in [(&sparse, false), (&transposed, true)] {
                let (rows, inner) = if is_transposed { (columns, rows) } else { (rows, columns) };
                let dense: Vec<f32> = (0..inner * width).map(number).collect();
                let mut product = vec![f32::NAN; 3];
                matrix.times(&dense, &start, &mut product);
                for (i, found) in product.iter().enumerate() {
                    let (row, unit) = (i / width, i % width);
                    let byte =
                        |at: usize| if is_transposed { bytes[at * columns + row] } else { bytes[row * columns + at] };
                    let terms = (0..inner).map(|at| values[usize::from(byte(at))] * dense[at * width + unit]);
                    let expected = start[unit] + terms.sum::<f32>();
                    assert!((found - expected).abs() < 1e-3, "{found} is not {expected}, [{row}, {unit}]");
                }
                assert_eq!(product.len(), rows * width);
            }
        }
    }
}

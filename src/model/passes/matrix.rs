//! Matrix products, into memory that is kept or becomes a tensor without a copy.
//!
//! The flex backend uses [`gemm`], too, but creates and copies zeros before each product. ndarray multiplies on one thread.
#![expect(unsafe_code, reason = "gemm takes pointers")]

use gemm::{Parallelism, gemm};
use rayon::prelude::*;

/// Products of fewer multiplications than this use one thread: waking a second one takes longer.
const PARALLEL_MIN: usize = 192 * 192 * 192;

#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    values: &'a [f32],
    /// `[rows, columns]`.
    size: [usize; 2],
    /// The distance from a row to the next, and from a column to the next.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// A matrix of `size`, `[rows, columns]`, of `values` in row-major order. Panics if there are more or fewer.
    pub fn new(values: &'a [f32], size: [usize; 2]) -> Self {
        assert_eq!(Some(values.len()), size[0].checked_mul(size[1]), "a matrix of {size:?}");
        Self { values, size, strides: [size[1], 1] }
    }

    pub fn transposed(self) -> Self {
        let ([rows, columns], [down, across]) = (self.size, self.strides);
        Self { size: [columns, rows], strides: [across, down], ..self }
    }

    /// Overwrites `product` with the product, in row-major order. Panics if the sizes do not fit, or one of them is 0.
    pub fn times(self, other: Self, product: &mut Vec<f32>) {
        // The names are those of BLAS: A is `[m, k]`, B `[k, n]`, C `[m, n]`.
        let ([m, k], [others, n]) = (self.size, other.size);
        assert!(k == others && ![m, k, n].contains(&0), "{:?} by {:?}", self.size, other.size);
        let is_small = m.saturating_mul(k).saturating_mul(n) < PARALLEL_MIN;
        let threads = if is_small { Parallelism::None } else { Parallelism::Rayon(0) };
        let count = m.checked_mul(n).expect("a product that memory can hold");
        let [[a_row, a_col], [b_row, b_col]] = [self, other].map(|it| it.strides.map(usize::cast_signed));
        product.clear();
        product.reserve_exact(count);
        let (a, b, c, c_row) = (self.values.as_ptr(), other.values.as_ptr(), product.as_mut_ptr(), n.cast_signed());
        // SAFETY: `new` checks that sizes and strides stay within `values`, and `product` has the capacity for all
        // results. As `read_dst` is false, gemm writes every result and reads none that it has not written.
        unsafe {
            let (read_dst, conj) = (false, false);
            gemm(m, n, k, c, 1, c_row, read_dst, a, a_col, a_row, b, b_col, b_row, 0.0, 1.0, conj, conj, conj, threads);
            product.set_len(count);
        }
    }
}

pub fn squared_norms_of_rows(values: &[f32], width: usize) -> Vec<f64> {
    let square = |row: &[f32]| {
        // Eight sums, which do not wait for each other.
        let mut sums = [0.0; 8];
        for part in row.chunks(8) {
            sums.iter_mut().zip(part).for_each(|(sum, &value)| *sum += f64::from(value) * f64::from(value));
        }
        sums.iter().sum()
    };
    values.par_chunks_exact(width).map(square).collect()
}

pub fn sum_of_rows(values: &[f32], width: usize) -> Vec<f32> {
    let mut sum = vec![0.0; width];
    vectorized!({
        for row in values.chunks_exact(width) {
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// The product by its definition, in `f64`.
    fn multiplied(one: Matrix, other: Matrix) -> Vec<f64> {
        let at = |matrix: Matrix, row, column| {
            f64::from(matrix.values[row * matrix.strides[0] + column * matrix.strides[1]])
        };
        let sum = |row, column| (0..one.size[1]).map(|inner| at(one, row, inner) * at(other, inner, column)).sum();
        (0..one.size[0]).flat_map(|row| (0..other.size[1]).map(move |column| sum(row, column))).collect()
    }

    #[test]
    fn matrix_product_equals_its_definition_for_every_layout_and_number_of_threads() {
        let small = [[1, 1, 1], [2, 3, 5], [33, 65, 17]];
        // Vectors, for which gemm has special products; a sum in parts; several threads.
        let special = [[1, 300, 300], [300, 300, 1], [300, 1, 300], [300, 2, 5], [20, 2000, 20], [196, 200, 190]];
        for [rows, inner, columns] in small.into_iter().chain(special) {
            let (one, other) = (values(rows * inner), values(inner * columns));
            let straight = [Matrix::new(&one, [rows, inner]), Matrix::new(&other, [inner, columns])];
            let transposed = [Matrix::new(&one, [inner, rows]), Matrix::new(&other, [columns, inner])];
            let transposed = transposed.map(Matrix::transposed);
            for one in [straight[0], transposed[0]] {
                for other in [straight[1], transposed[1]] {
                    let mut product = vec![f32::NAN; 7];
                    one.times(other, &mut product);
                    for (found, expected) in product.iter().zip(multiplied(one, other)) {
                        assert!(
                            (f64::from(*found) - expected).abs() < 1e-6 * inner as f64 + 1e-6,
                            "{found} is not {expected}"
                        );
                    }
                }
            }
        }
        const { assert!(196 * 200 * 190 > PARALLEL_MIN) };
    }

    #[test]
    #[should_panic(expected = "a matrix of [2, 3]")]
    fn matrix_needs_all_its_values() {
        Matrix::new(&[0.0; 5], [2, 3]);
    }

    #[test]
    #[should_panic(expected = "[2, 3] by [2, 3]")]
    fn matrices_that_do_not_fit_have_no_product() {
        let matrix = Matrix::new(&[0.0; 6], [2, 3]);
        matrix.times(matrix, &mut vec![]);
    }
}

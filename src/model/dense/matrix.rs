//! Matrix products, into memory that becomes a tensor as it is.
//!
//! The flex backend multiplies by the same library, [`gemm`], but makes zeros and copies them before each product;
//! the ndarray backend multiplies on one thread.
#![expect(unsafe_code, reason = "gemm takes pointers")]

use gemm::Parallelism;

/// Products of fewer multiplications than this are of one thread: a second one would have to be woken first.
const SHARED: usize = 192 * 192 * 192;

/// A matrix of numbers that lie elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    numbers: &'a [f32],
    /// `[rows, columns]`.
    size: [usize; 2],
    /// From a row to the next one, and from a column to the next one.
    strides: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// A matrix of `size`, `[rows, columns]`, whose `numbers` lie row by row.
    ///
    /// # Panics
    /// If there are more or fewer of them.
    pub fn new(numbers: &'a [f32], size: [usize; 2]) -> Self {
        assert_eq!(Some(numbers.len()), size[0].checked_mul(size[1]), "a matrix of {size:?}");
        Self { numbers, size, strides: [size[1], 1] }
    }

    pub fn transposed(self) -> Self {
        let ([rows, columns], [down, across]) = (self.size, self.strides);
        Self { size: [columns, rows], strides: [across, down], ..self }
    }

    /// The product, row by row: `[rows, columns]`, the columns being those of `other`.
    ///
    /// # Panics
    /// If `other` has not as many rows as this one has columns, or one of the two has no numbers.
    pub fn times(self, other: Self) -> Vec<f32> {
        let ([rows, inner], [others, columns]) = (self.size, other.size);
        assert!(inner == others && ![rows, inner, columns].contains(&0), "{:?} by {:?}", self.size, other.size);
        let multiplications = rows.saturating_mul(inner).saturating_mul(columns);
        let threads = if multiplications < SHARED { Parallelism::None } else { Parallelism::Rayon(0) };
        let count = rows.checked_mul(columns).expect("a product that memory can hold");
        let [down, across] = self.strides.map(usize::cast_signed);
        let [other_down, other_across] = other.strides.map(usize::cast_signed);
        let mut product = Vec::with_capacity(count);
        let (to, from, other) = (product.as_mut_ptr(), self.numbers.as_ptr(), other.numbers.as_ptr());
        // SAFETY: `new` made sure that sizes and strides stay within the numbers, and the product has room for its own. As
        // `read_dst` is false, gemm writes each of these, and reads none that it has not written.
        unsafe {
            let (read_dst, conjugate) = (false, false);
            gemm::gemm(
                rows,
                columns,
                inner,
                to,
                1,
                columns.cast_signed(),
                read_dst,
                from,
                across,
                down,
                other,
                other_across,
                other_down,
                0.0,
                1.0,
                conjugate,
                conjugate,
                conjugate,
                threads,
            );
            product.set_len(count);
        }
        product
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect()
    }

    /// Row by row, column by column.
    fn multiplied(one: Matrix, other: Matrix) -> Vec<f64> {
        let at = |matrix: Matrix, row, column| {
            f64::from(matrix.numbers[row * matrix.strides[0] + column * matrix.strides[1]])
        };
        let sum = |row, column| (0..one.size[1]).map(|inner| at(one, row, inner) * at(other, inner, column)).sum();
        (0..one.size[0]).flat_map(|row| (0..other.size[1]).map(move |column| sum(row, column))).collect()
    }

    #[test]
    fn products_are_sums_of_products_whichever_way_the_numbers_lie_and_however_many_threads_take_part() {
        let small = [[1, 1, 1], [2, 3, 5], [33, 65, 17]];
        // Vectors, of which gemm has products of their own; a sum in parts; several threads.
        let special = [[1, 300, 300], [300, 300, 1], [300, 1, 300], [300, 2, 5], [20, 2000, 20], [196, 200, 190]];
        for [rows, inner, columns] in small.into_iter().chain(special) {
            let (one, other) = (numbers(rows * inner), numbers(inner * columns));
            let straight = [Matrix::new(&one, [rows, inner]), Matrix::new(&other, [inner, columns])];
            let turned = [Matrix::new(&one, [inner, rows]), Matrix::new(&other, [columns, inner])];
            let turned = turned.map(Matrix::transposed);
            for one in [straight[0], turned[0]] {
                for other in [straight[1], turned[1]] {
                    for (found, expected) in one.times(other).iter().zip(multiplied(one, other)) {
                        assert!(
                            (f64::from(*found) - expected).abs() < 1e-6 * inner as f64 + 1e-6,
                            "{found} is not {expected}"
                        );
                    }
                }
            }
        }
        const { assert!(196 * 200 * 190 > SHARED) };
    }

    #[test]
    #[should_panic(expected = "a matrix of [2, 3]")]
    fn a_matrix_has_all_its_numbers() {
        Matrix::new(&[0.0; 5], [2, 3]);
    }

    #[test]
    #[should_panic(expected = "[2, 3] by [2, 3]")]
    fn matrices_that_do_not_fit_have_no_product() {
        let matrix = Matrix::new(&[0.0; 6], [2, 3]);
        matrix.times(matrix);
    }
}

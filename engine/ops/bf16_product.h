#pragma once
#include <c10/util/BFloat16.h>

#include <cstdint>

namespace llmrun {

/// Two bf16 numbers in one word, the first in the low half: what a CPU's bf16 dot-product instruction takes from each operand.
using Pair = uint32_t;

/// The CPU multiplies bf16 itself (AVX512-BF16): four times the speed of widening to fp32 on the machines we measured.
bool multiplies_bf16();

/// c [m, n] (fp32) = a [m, k] b [k, n], or c += where `add`. a is row-major; b holds pairs of rows, [k / 2, n]. REQUIRES an even k and
/// multiplies_bf16(). Runs in the calling thread.
void bf16_product(int64_t m, int64_t n, int64_t k, const at::BFloat16* a, int64_t a_stride, const Pair* b, int64_t b_stride, bool add,
                  float* c, int64_t c_stride);

/// Gives back what bf16_product holds of the CPU (AMX tiles). Call at the end of a thread's products.
void release_bf16_product();

/// Two rows into one of pairs: to[i] = (first[i], second[i]). `second` null: zeros.
void pair_rows(const at::BFloat16* first, const at::BFloat16* second, Pair* to, int64_t n);

/// x [rows, columns] as pairs of its rows, [(rows + 1) / 2, columns]: the right operand of `_ x`. An odd last row pairs with zeros.
void pack_rows(const at::BFloat16* x, int64_t stride, int64_t rows, int64_t columns, Pair* to);

/// x [rows, columns] as pairs of its columns, transposed, [columns / 2, rows]: the right operand of `_ x^T`. REQUIRES even columns.
void pack_transposed(const at::BFloat16* x, int64_t stride, int64_t rows, int64_t columns, Pair* to);

}  // namespace llmrun

#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/layout.h"

namespace llmrun {

// How a sample's tokens are shared out over the context and sequence axes.
//
// Context ranks (ring attention, Liu et al. 2023) hold two of 2 x context equal parts, part c and part 2 context - 1 - c, so that each has
// as many pairs of a query and an earlier key as the others (zigzag). The Ulysses ranks of a context rank (Jacobs et al. 2023) hold equal
// pieces of its tokens, one after the other.

/// The places in a sample of the tokens that a rank holds, in the order it holds them: one interval or two. REQUIRES
/// sequence_multiple(layout) divides seq_len.
std::vector<Interval> sequence_slice(int64_t seq_len, const Layout& layout, const Coordinates& where);

/// Those of its context rank: what attention sees after the Ulysses exchange.
std::vector<Interval> context_slice(int64_t seq_len, const Layout& layout, const Coordinates& where);

/// What has to divide a sample's tokens.
int64_t sequence_multiple(const Layout& layout);

/// Tokens of a sample that a rank holds, before the tensor axis slices them.
inline int64_t slice_tokens(int64_t seq_len, const Layout& layout) { return seq_len / (layout.context * layout.sequence_size); }

}  // namespace llmrun

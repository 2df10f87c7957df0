#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/layout.h"
#include "engine/core/model_shape.h"

namespace llmrun {

/// A rectangle of a canonical tensor (model_shape.h). Vectors are one column wide.
struct Box {
  Interval rows;
  Interval columns{0, 1};
  int64_t elements() const { return rows.size() * columns.size(); }
  friend bool operator==(const Box&, const Box&) = default;
};

/// Over which ranks a gradient is still to be summed before the ranks that share it take its mean over tokens.
enum class Partial {
  none,
  tensor,     // Megatron sequence parallel: norms, row-linear biases and learned positions saw a slice of the tokens
  kv_copies,  // the tensor axis does not divide kv_heads: each copy of a KV head saw some of the queries
};

/// A box of one Hugging Face tensor, lying row-major and contiguous in a unit's buffer.
struct Segment {
  int64_t tensor = 0;  // index into UnitParameters::tensors
  Box box;
  int64_t offset = 0;  // elements from the start of the unit's buffer
  Partial partial = Partial::none;
  Interval shared_rows{};  // of the tensor: what the ranks of a partial sum hold between them; a box's own rows but for KV copies
  bool owned = true;       // false on a copy that another one counts in the norm and writes into checkpoints
  int64_t elements() const { return box.elements(); }
};

/// What a layer calls a parameter: one or more segments below one another, so that a fused product is one GEMM.
enum class Role {
  token_embedding,
  position_embedding,
  attention_norm_weight,
  attention_norm_bias,
  qkv_weight,
  qkv_bias,
  attention_out_weight,
  attention_out_bias,
  mlp_norm_weight,
  mlp_norm_bias,
  mlp_in_weight,
  mlp_in_bias,
  mlp_out_weight,
  mlp_out_bias,
  final_norm_weight,
  final_norm_bias,
  output_projection,
};

struct LocalParameter {
  Role role;
  int64_t rows = 0;  // of this rank; those below its segments are padding
  int64_t columns = 1;
  int64_t offset = 0;   // elements from the start of the buffer; every parameter begins on 128 bytes of fp32
  bool vector = false;  // has one dim; a matrix may have one column too
  int64_t elements() const { return rows * columns; }
};

/// One rank's part of a unit, from which ZeRO, the optimizer, checkpoints and the memory formulas all follow. Gaps between parameters
/// are zero and belong to no segment: they are in no norm, count or checkpoint.
struct UnitParameters {
  UnitId unit;
  std::vector<TensorInfo> tensors;
  std::vector<LocalParameter> parameters;
  std::vector<Segment> segments;  // ascending in offset
  int64_t elements = 0;           // of the buffer, a multiple of kAlignment

  const LocalParameter* find(Role role) const;
};

inline constexpr int64_t kAlignment = 32;  // elements: 128 bytes of fp32

/// How this rank cuts a unit.
struct Cut {
  int64_t tensor = 1;
  int64_t tensor_rank = 0;
  bool sequence_parallel = false;  // norms see a slice of the tokens
  int64_t stages = 1;              // between embedding and head: a tied model's head keeps a copy of the embedding where stages > 1
};
/// Whether the tensor ranks slice the tokens of norms and residuals: Megatron's sequence parallelism, and Ulysses beside a tensor axis.
inline bool slices_tokens(const ParallelConfig& parallel) { return parallel.sequence != SequenceParallel::none; }

Cut cut_of(const Layout& layout, const ParallelConfig& parallel, const Coordinates& where);

/// REQUIRES heads divisible by cut.tensor. Vocabulary, ffn and KV heads need not divide: the first ranks hold one more row of the first two
/// (the vocabulary padded to vocabulary_rows on every rank), and KV heads are copied (KvCopies).
UnitParameters unit_parameters(const ModelShape& shape, const UnitId& unit, const Cut& cut);

/// Rows of the token embedding, and so columns of the logits, that each tensor rank stores: the most that a rank holds, rounded up to
/// 64, because a GPU multiplies matrices with unaligned rows at a fraction of its rate (GPT-2's 50,257 is the known case).
int64_t vocabulary_rows(int64_t vocab, int64_t tensor);

/// How grouped queries are cut over an axis: tensor, or the Ulysses exchange. A rank's query heads fall into equal runs that each read one
/// KV head; it holds that head once a run, so that on every rank query head h reads KV head h / (heads / local). Where the axis divides the
/// KV heads there is one run a head and nothing is copied.
struct KvCopies {
  int64_t local = 0;   // KV heads a rank holds, copies counted
  int64_t copies = 1;  // of each KV head on all ranks: copy c of head k is the axis' KV head k * copies + c
  int64_t ranks = 1;   // consecutive ranks that hold all copies of the same heads between them, and so sum their gradients
};
KvCopies kv_copies(int64_t heads, int64_t kv_heads, int64_t ranks);
inline KvCopies kv_copies(const ModelShape& shape, int64_t tensor) { return kv_copies(shape.heads, shape.kv_heads, tensor); }

/// Attention's heads on one rank of the tensor axis, copies counted. Ulysses exchanges `query` and `exchanged_kv` of them, which are
/// `kv` or, where its axis does not divide those, more copies.
struct LocalHeads {
  int64_t query = 0;
  int64_t kv = 0;
  int64_t exchanged_kv = 0;
};
LocalHeads local_heads(const ModelShape& shape, const Layout& layout);

/// One buffer for all gradients of a unit that are partial in the same way, where copies of a row share a place: added into it, summed over
/// the group, and read back, each is whole.
struct PartialSum {
  struct Part {
    const Segment* segment;
    int64_t place;  // elements from the start
  };
  std::vector<Part> parts;
  int64_t elements = 0;
};
/// The parts point into `table`.
PartialSum partial_sum(const UnitParameters& table, Partial kind);

/// The ranks that hold the same parameters and see other tokens: data x context x sequence.
inline int64_t gradient_ranks(const Layout& layout) { return layout.data * layout.context * layout.sequence_size; }
/// Of those, the consecutive ones that a unit's shards are divided over; 1 under ZeRO 0. With `parallel.shard_group` they are a part, so
/// that what ZeRO asks for all the time stays inside a node, and every part holds the same (Zhang et al. 2022, MiCS; Wang et al. 2023,
/// ZeRO++).
int64_t shard_ranks(const Layout& layout, const ParallelConfig& parallel);

/// Elements of one of `ranks` equal shards of a buffer of `elements`: a multiple of kAlignment, so that the whole may grow by padding.
int64_t shard_elements(int64_t elements, int64_t ranks);

}  // namespace llmrun

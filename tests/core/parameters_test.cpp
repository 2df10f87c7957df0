#include "engine/core/parameters.h"

#include <algorithm>
#include <map>
#include <vector>

#include "tests/support/test.h"

using namespace llmrun;

namespace {

ModelShape shape_of(Family family, int64_t heads, int64_t kv_heads, int64_t vocab, int64_t ffn) {
  ModelConfig model;
  model.family = family;
  model.layers = 3;
  model.hidden = 48;
  model.heads = heads;
  model.kv_heads = kv_heads;
  model.vocab = vocab;
  model.ffn = ffn;
  return model_shape(model, 16);
}

/// How many ranks of the tensor axis own each element of each tensor of a unit.
std::map<std::string, std::vector<int>> owners(const ModelShape& shape, const UnitId& unit, int64_t tensor) {
  std::map<std::string, std::vector<int>> owned;
  for (const TensorInfo& info : unit_tensors(shape, unit)) owned[info.name].resize(static_cast<size_t>(info.elements()));
  for (int64_t rank = 0; rank < tensor; ++rank) {
    const UnitParameters table = unit_parameters(shape, unit, {tensor, rank, false, 1});
    for (const Segment& segment : table.segments) {
      const TensorInfo& info = table.tensors[static_cast<size_t>(segment.tensor)];
      for (int64_t row = segment.box.rows.begin; segment.owned && row < segment.box.rows.end; ++row)
        for (int64_t column = segment.box.columns.begin; column < segment.box.columns.end; ++column)
          ++owned[info.name][static_cast<size_t>(row * info.columns + column)];
    }
  }
  return owned;
}

}  // namespace

TEST_CASE("every element of the model is owned by one tensor rank, whatever divides and whatever does not") {
  for (int64_t tensor : {1, 2, 3, 4, 6, 12})
    for (const ModelShape& shape : {shape_of(Family::gpt, 12, 12, 257, 192), shape_of(Family::llama, 12, 12, 101, 131),
                                    shape_of(Family::llama, 12, tensor % 3 == 0 ? 3 : 2, 7, 64)}) {
      for (const UnitId& unit : stage_units(shape, {}, 0, {}))
        for (const auto& [name, counts] : owners(shape, unit, tensor)) {
          CAPTURE(name);
          CAPTURE(tensor);
          CHECK(std::all_of(counts.begin(), counts.end(), [](int count) { return count == 1; }));
        }
    }
}

TEST_CASE("parameters begin on 128 bytes and segments do not overlap") {
  const ModelShape shape = shape_of(Family::llama, 12, 3, 101, 131);
  for (const UnitId& unit : stage_units(shape, {}, 0, {})) {
    const UnitParameters table = unit_parameters(shape, unit, {6, 5, true, 1});
    for (const LocalParameter& parameter : table.parameters) CHECK(parameter.offset % kAlignment == 0);
    int64_t end = 0;
    for (const Segment& segment : table.segments) {
      CHECK(segment.offset >= end);
      end = segment.offset + segment.elements();
    }
    CHECK(end <= table.elements);
  }
}

TEST_CASE("a tied model's last stage keeps a copy of the embedding that it does not own") {
  const ModelShape shape = shape_of(Family::gpt, 12, 12, 257, 192);
  const UnitParameters alone = unit_parameters(shape, {UnitKind::head, 0}, {1, 0, false, 1});
  const UnitParameters apart = unit_parameters(shape, {UnitKind::head, 0}, {1, 0, false, 2});
  CHECK(alone.find(Role::output_projection) == nullptr);
  REQUIRE(apart.find(Role::output_projection) != nullptr);
  CHECK(apart.find(Role::output_projection)->rows == vocabulary_rows(257, 1));
  CHECK_FALSE(apart.segments.back().owned);
}

TEST_CASE("parameter counts are those of the published models") {
  ModelConfig gpt2{.layers = 12, .hidden = 768, .heads = 12, .vocab = 50257, .max_positions = 1024};
  CHECK(parameter_count(model_shape(gpt2, 1024)) == 124439808);  // Hugging Face gpt2
  ModelConfig llama{.family = Family::llama, .layers = 32, .hidden = 4096, .heads = 32, .kv_heads = 8, .ffn = 14336, .vocab = 128256};
  CHECK(parameter_count(model_shape(llama, 8192)) == 8030261248);  // Llama 3.1 8B
}

TEST_CASE("a vocabulary is padded to the same multiple of 64 on every rank, and its padding is in no segment") {
  CHECK(vocabulary_rows(50257, 1) == 50304);
  CHECK(vocabulary_rows(50257, 4) == 12608);
  CHECK(vocabulary_rows(128, 2) == 64);
  CHECK(vocabulary_rows(7, 6) == 64);
  const ModelShape shape = shape_of(Family::gpt, 12, 12, 257, 192);
  int64_t true_rows = 0;
  for (int64_t rank = 0; rank < 3; ++rank) {
    const UnitParameters table = unit_parameters(shape, {UnitKind::embedding, 0}, {3, rank, false, 1});
    CHECK(table.find(Role::token_embedding)->rows == 128);
    true_rows += table.segments[0].box.rows.size();
    CHECK(table.segments[1].offset >= 128 * shape.hidden);
  }
  CHECK(true_rows == 257);
}

TEST_CASE("KV heads are copied where the tensor axis does not divide them, so that every rank's queries fall into equal runs") {
  struct Row {
    int64_t heads, kv_heads, tensor, local, copies, ranks;
  };
  for (const Row& row : {Row{8, 4, 2, 2, 1, 1}, Row{8, 4, 8, 1, 2, 2}, Row{6, 3, 2, 3, 2, 2}, Row{6, 2, 3, 2, 3, 3}, Row{12, 6, 4, 3, 2, 2},
                         Row{12, 1, 4, 1, 4, 4}}) {
    const ModelShape shape = shape_of(Family::llama, row.heads, row.kv_heads, 64, 64);
    const KvCopies kv = kv_copies(shape, row.tensor);
    CHECK(kv.local == row.local);
    CHECK(kv.copies == row.copies);
    CHECK(kv.ranks == row.ranks);
    CHECK(kv.local * row.tensor == row.kv_heads * kv.copies);
    // The rank's query head h reads its KV head h / (heads / local), and that is the model's.
    const int64_t heads = row.heads / row.tensor, run = heads / kv.local;
    for (int64_t rank = 0; rank < row.tensor; ++rank)
      for (int64_t head = 0; head < heads; ++head)
        CHECK((rank * kv.local + head / run) / kv.copies == (rank * heads + head) / (row.heads / row.kv_heads));
  }
}

TEST_CASE("copies of a KV head share one place in the buffer in which their gradients are summed") {
  const ModelShape shape = shape_of(Family::llama, 6, 3, 64, 64);  // rank 0 holds KV heads 0 0 1, rank 1 holds 1 2 2
  const int64_t head = shape.head_dim * shape.hidden;
  for (int64_t rank : {0, 1}) {
    const UnitParameters table = unit_parameters(shape, {UnitKind::block, 0}, {2, rank, false, 1});
    const PartialSum sum = partial_sum(table, Partial::kv_copies);
    CHECK(sum.elements == 2 * 3 * head);
    std::vector<int64_t> places;
    for (const PartialSum::Part& part : sum.parts) places.push_back(part.place / head);
    CHECK(places == (rank == 0 ? std::vector<int64_t>{0, 0, 1, 3, 3, 4} : std::vector<int64_t>{1, 2, 2, 4, 5, 5}));
  }
}

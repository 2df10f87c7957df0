#include <fmt/format.h>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/reader.h"
#include "engine/core/philox.h"
#include "engine/core/spec/spellings.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

const std::vector<Division> kDivisions{
    {},
    {.tensor = 4},
    {.pipeline = 3},
    {.data = 3},
    {.data = 3, .zero = true},
    {.tensor = 2, .pipeline = 2, .data = 2, .zero = true},
    {.tensor = 4, .pipeline = 2},
    {.tensor = 2, .data = 4, .zero = true},
    {.pipeline = 2, .data = 5, .zero = true},
};

/// Elements that differ from the truth, over all ranks of `division`, after loading the newest checkpoint.
int64_t wrong_after_loading(const std::filesystem::path& checkpoints, const ModelShape& model, const Division& division) {
  const auto found = find_checkpoint(checkpoints);
  REQUIRE(found);
  CHECK(found->notes.empty());
  const CheckpointReader reader(found->directory);
  int64_t wrong = 0;
  for (int64_t rank = 0; rank < division.ranks(); ++rank) {
    const RankMemory memory = rank_memory(model, division, rank);
    reader.load(memory.wanted);
    wrong += count_wrong(memory.wanted);
  }
  return wrong;
}

std::string shown(const Division& division) {
  return fmt::format("tensor {} pipeline {} data {}{}", division.tensor, division.pipeline, division.data, division.zero ? " zero" : "");
}

TEST_CASE("what any division saves, any division loads, bit for bit: weights and both moments") {
  for (const ModelShape& model : {small_gpt(), small_llama()}) {
    for (const Division& writer : kDivisions) {
      TemporaryDirectory directory;
      save_simulated(directory.path(), model, writer, 20);
      for (const Division& reader : kDivisions)
        CHECK_MESSAGE(wrong_after_loading(directory.path(), model, reader) == 0, spelling(model.family), ": ", shown(writer), " -> ",
                      shown(reader));
    }
  }
}

TEST_CASE("random divisions of random models, pieces cut small") {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    uint64_t next = 0;
    const auto random = [&](int64_t low, int64_t high) { return low + philox(seed, 1, next++)[0] % (high - low + 1); };
    ModelConfig config;
    config.family = random(0, 1) ? Family::gpt : Family::llama;
    const int64_t groups = random(1, 2), copies = random(1, 2);  // kv heads, and tensor ranks that share one
    config.layers = random(2, 5);
    config.kv_heads = config.family == Family::gpt ? 4 : 2 * groups;
    config.heads = 4;
    config.hidden = 4 * 2 * random(1, 3);
    config.ffn = random(8, 30);
    config.vocab = random(17, 60);
    config.tie_embeddings = random(0, 1) == 1;
    const ModelShape model = model_shape(config, random(4, 9));
    const auto division = [&] {
      return Division{.tensor = int64_t{1} << random(0, copies), .pipeline = random(1, 2), .data = random(1, 3), .zero = random(0, 1) == 1};
    };
    const Division writer = division(), reader = division();
    TemporaryDirectory directory;
    save_simulated(directory.path(), model, writer, seed, 0, {.piece_elements = random(1, 200)});
    CHECK_MESSAGE(wrong_after_loading(directory.path(), model, reader) == 0, "seed ", seed, ": ", shown(writer), " -> ", shown(reader));
  }
}

TEST_CASE("a checkpoint remembers what it was saved with") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), small_gpt(), {.tensor = 2, .data = 2, .zero = true}, 7);
  const CheckpointReader reader(directory.path() / "step-00000007");
  CHECK(reader.snapshot().step == 7);
  CHECK(reader.snapshot().samples == 56);
  CHECK(reader.snapshot().seed == 5);
  CHECK(reader.snapshot().layout == Layout{.tensor = 2, .data = 2});
  CHECK(reader.snapshot().model == small_gpt());
  CHECK(reader.snapshot().config == json{{"run", "simulated"}});
  CHECK(reader.manifest().files.size() == 4);
}

TEST_CASE("ranks whose pieces are not the whole model save nothing") {
  TemporaryDirectory directory;
  const ModelShape model = small_gpt();
  RankMemory memory = rank_memory(model, {}, 0);
  fill(memory.owned);
  const auto message = [&](std::vector<Piece> pieces) -> std::string {
    try {
      save_checkpoint(directory.path(), {.step = 1, .model = model}, pieces, {});
    } catch (const Error& error) {
      CHECK(error.code() == Exit::failed);
      CHECK_FALSE(find_checkpoint(directory.path()));
      CHECK(std::filesystem::is_empty(directory.path()));
      return error.what();
    }
    return "saved";
  };
  std::vector<Piece> missing = memory.owned, twice = memory.owned, foreign = memory.owned, short_of = memory.owned;
  missing.pop_back();
  twice.push_back(memory.owned.front());
  twice.back().flat.end -= 1;  // another name in the file
  foreign.front().tensor = "transformer.h.9.ln_1.weight";
  short_of.front().flat.end -= 1;
  CHECK(message(missing).find("pieces hold 0 of 16 elements") != std::string::npos);
  CHECK(message(twice).find("are there twice") != std::string::npos);
  CHECK(message(foreign).find("a tensor the model does not have") != std::string::npos);
  CHECK(message(short_of).find("elements 591 to 592 are missing") != std::string::npos);
}

TEST_CASE("a destination that the checkpoint cannot fill is named") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), small_gpt(), {}, 1);
  const CheckpointReader reader(directory.path() / "step-00000001");
  std::vector<float> memory(64);
  const auto message = [&](const Piece& piece) -> std::string {
    try {
      reader.load({piece});
    } catch (const Error& error) {
      CHECK(error.code() == Exit::no_checkpoint);
      return error.what();
    }
    return "loaded";
  };
  const Piece good{{"transformer.ln_f.weight", Kind::weight, 16, 1, {{0, 16}}, {0, 16}}, memory.data()};
  CHECK(message(good) == "loaded");
  Piece absent = good, shape = good, outside = good;
  absent.tensor = "lm_head.weight";
  shape.rows = 32;
  outside.box.rows = {8, 24};
  CHECK(message(absent).find("has no weight of 'lm_head.weight'") != std::string::npos);
  CHECK(message(shape).find("with shape [16, 1], this model needs [32, 1]") != std::string::npos);
  CHECK(message(outside).find("has 8 of the 16 elements") != std::string::npos);
}

}  // namespace
}  // namespace llmrun

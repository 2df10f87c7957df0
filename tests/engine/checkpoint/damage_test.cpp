// Nothing damaged is ever loaded (P5): what the disk did to a checkpoint is detected, and the one before is used.
#include <fstream>

#include "engine/checkpoint/directory.h"
#include "engine/core/file.h"
#include "engine/core/philox.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

ModelShape tiny_llama() {
  return model_shape({.family = Family::llama, .layers = 1, .hidden = 8, .heads = 2, .kv_heads = 1, .ffn = 9, .vocab = 11}, 4);
}

/// Two checkpoints: step 10 holds the true values, step 20 those plus 1.
struct TwoCheckpoints {
  TwoCheckpoints() {
    save_simulated(directory.path(), tiny_llama(), {.tensor = 2}, 10, 0.0F);
    save_simulated(directory.path(), tiny_llama(), {.data = 2, .zero = true}, 20, 1.0F);
  }
  fs::path newest() const { return directory.path() / "step-00000020"; }
  TemporaryDirectory directory;
};

/// What a resume does: find, load, and on damage find again without it. Returns the step it loaded.
int64_t resumed_step(const fs::path& checkpoints) {
  std::vector<Rejected> rejected;
  while (true) {
    const auto found = find_checkpoint(checkpoints, rejected);
    REQUIRE(found);
    const CheckpointReader reader(found->directory);
    const float offset = reader.snapshot().step == 20 ? 1.0F : 0.0F;
    const RankMemory memory = rank_memory(tiny_llama(), {.tensor = 2}, 1);
    try {
      reader.load(memory.wanted);
      CHECK(count_wrong(memory.wanted, offset) == 0);
      return reader.snapshot().step;
    } catch (const Error& error) {
      CHECK(error.code() == Exit::no_checkpoint);
      CHECK(error.complaints().back().hint.ends_with(fmt::format("rm -r '{}'", found->directory.string())));
      rejected.push_back({found->directory.filename().string(), error.what()});
    }
    int64_t untouched = 0, elements = 0;  // no damaged byte reached memory: an element is as before or right
    for (const Piece& piece : memory.wanted)
      for (int64_t i = 0; i < piece.flat.size(); ++i, ++elements) untouched += piece.data[i] == -1.0F;
    CHECK(count_wrong(memory.wanted, offset) == untouched);
  }
}

TEST_CASE("a bit flipped anywhere in a checkpoint is detected or harmless, 1000 times") {
  const TwoCheckpoints run;
  std::vector<fs::path> files{run.directory.path() / "latest"};
  for (const auto& entry : fs::directory_iterator(run.newest())) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  int detected = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const PhiloxWords random = philox(seed, stream_named("bit flips"), 0);
    const fs::path& path = files[random[0] % files.size()];
    const std::string good = read_file(path);
    std::string bad = good;
    bad[random[1] % bad.size()] ^= static_cast<char>(1 << (random[2] % 8));
    std::ofstream(path, std::ios::binary) << bad;
    detected += resumed_step(run.directory.path()) == 10;
    CHECK_MESSAGE(
        (path.filename() == "latest" || !find_checkpoint(run.directory.path())->notes.empty() || path.extension() == ".safetensors"),
        path.string());
    if (path.extension() == ".safetensors") {
      const CheckpointReader reader(run.newest());
      CHECK_THROWS_AS(reader.verify([](int64_t, int64_t) {}), Error);  // every flip, also outside of what one rank loads
    }
    std::ofstream(path, std::ios::binary) << good;
  }
  CHECK(detected > 500);  // rank 1 of 2 loads about half of the elements
  CHECK(resumed_step(run.directory.path()) == 20);
}

TEST_CASE("a file that is cut at any size class is named with both sizes, and the checkpoint before is used") {
  const TwoCheckpoints run;
  const fs::path path = run.newest() / "rank-00001.safetensors";
  const std::string good = read_file(path);
  const size_t header = 8 + static_cast<uint8_t>(good[0]) + 256u * static_cast<uint8_t>(good[1]);
  for (const size_t size : {size_t{0}, size_t{7}, size_t{8}, header - 1, header, good.size() - 1}) {
    fs::resize_file(path, size);
    const auto found = find_checkpoint(run.directory.path());
    REQUIRE(found);
    CHECK(found->directory.filename() == "step-00000010");
    CHECK(found->notes.at(0).find(fmt::format("rank-00001.safetensors' has {} bytes where manifest.json says {}", size, good.size())) !=
          std::string::npos);
    std::ofstream(path, std::ios::binary) << good;
  }
  std::ofstream(path, std::ios::binary | std::ios::app) << "x";
  CHECK(resumed_step(run.directory.path()) == 10);
}

TEST_CASE("a file that is missing, foreign or too many is named") {
  const TwoCheckpoints run;
  const auto why = [&]() -> std::string {
    const auto found = find_checkpoint(run.directory.path());
    REQUIRE(found);
    return found->directory.filename() == "step-00000010" ? found->notes.at(0) : "accepted";
  };
  const fs::path first = run.newest() / "rank-00000.safetensors", second = run.newest() / "rank-00001.safetensors";
  const std::string good = read_file(first);

  fs::rename(first, run.directory.path() / "away");
  CHECK(why().find("rank-00000.safetensors': No such file") != std::string::npos);
  fs::copy_file(second, first);
  CHECK(why().find("rank-00000.safetensors' ") != std::string::npos);
  fs::remove(first);
  fs::rename(run.directory.path() / "away", first);
  CHECK(why() == "accepted");

  fs::copy_file(first, run.newest() / "rank-00002.safetensors");
  CHECK(why().find("rank-00002.safetensors' does not belong to this checkpoint") != std::string::npos);
  fs::remove(run.newest() / "rank-00002.safetensors");
}

TEST_CASE("a file of the same size from another save is told apart by its header") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), tiny_llama(), {.tensor = 2}, 10, 0.0F);
  save_simulated(directory.path(), tiny_llama(), {.tensor = 2}, 20, 1.0F);
  const std::string name = "rank-00001.safetensors";
  fs::copy_file(directory.path() / "step-00000010" / name, directory.path() / "step-00000020" / name, fs::copy_options::overwrite_existing);
  CHECK(find_checkpoint(directory.path())->notes.at(0).find("is not the file this checkpoint wrote") != std::string::npos);
  CHECK(resumed_step(directory.path()) == 10);
}

}  // namespace
}  // namespace llmrun

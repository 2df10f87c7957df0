// What a save leaves when it fails or stops anywhere (as in leveldb's fault_injection_test): the previous checkpoint, or the whole new one.
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "engine/checkpoint/directory.h"
#include "tests/engine/checkpoint/faulty_storage.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;
using Fault = FaultyStorage::Fault;

const Division kDivision{.tensor = 2, .data = 2, .zero = true};

ModelShape tiny_gpt() { return model_shape({.family = Family::gpt, .layers = 1, .hidden = 8, .heads = 2, .vocab = 9}, 4); }

/// Elements of the checkpoint that find_checkpoint takes which are not true plus `offset`.
int64_t wrong_in(const fs::path& directory, float offset) {
  RankMemory memory = rank_memory(tiny_gpt(), {}, 0);
  CheckpointReader(directory).load(memory.wanted);
  return count_wrong(memory.wanted, offset);
}

/// A save that nothing stops. It does not wait for the disk: these tests make hundreds.
void save_whole(const fs::path& checkpoints, const Division& division, int64_t step, float offset = 0.0F, const SaveOptions& options = {}) {
  FaultyStorage storage(Fault::error, /*at=*/-1);
  save_simulated(checkpoints, tiny_gpt(), division, step, offset, options, storage);
}

struct Outcome {
  bool happened = false;
  std::string error;  // of the save; empty: it said it was saved
};

/// Saves `step` with values of offset 1 while operation `at` fails.
Outcome save_with_fault(const fs::path& checkpoints, int64_t step, Fault fault, int at, const SaveOptions& options = {}) {
  FaultyStorage storage(fault, at);
  Outcome outcome;
  try {
    save_simulated(checkpoints, tiny_gpt(), kDivision, step, 1.0F, options, storage);
  } catch (const Error& error) {
    CHECK(error.code() == Exit::failed);
    outcome.error = error.what();
  }
  outcome.happened = storage.happened();
  if (fault == Fault::stop && outcome.happened) storage.cut_power();
  return outcome;
}

TEST_CASE("a save that fails or stops at any operation leaves the old checkpoint or the new one, whole") {
  for (const Fault fault : {Fault::error, Fault::stop}) {
    int at = 0, old = 0, fresh = 0;
    for (bool happened = true; happened; ++at) {
      REQUIRE(at < 500);
      TemporaryDirectory directory;
      save_whole(directory.path(), kDivision, 10);
      const Outcome outcome = save_with_fault(directory.path(), 20, fault, at, {.keep = 1});
      happened = outcome.happened;
      const auto found = find_checkpoint(directory.path());
      REQUIRE_MESSAGE(found, "operation ", at);
      const bool is_new = found->directory.filename() == "step-00000020";
      CHECK_MESSAGE(wrong_in(found->directory, is_new ? 1.0F : 0.0F) == 0, "operation ", at);
      if (outcome.error.empty()) CHECK_MESSAGE(is_new, "operation ", at, ": the save said that it was done");
      ++(is_new ? fresh : old);
      // Whatever was left behind does not stand in the way of the next save, which clears it up.
      save_whole(directory.path(), {}, 30, 2.0F, {.keep = 1});
      CHECK(wrong_in(find_checkpoint(directory.path())->directory, 2.0F) == 0);
      for (const auto& entry : fs::directory_iterator(directory.path())) CHECK_FALSE(entry.path().filename().string().starts_with(".tmp-"));
    }
    CHECK(old > 40);
    CHECK(fresh > 3);
  }
}

TEST_CASE("a step saved again stands in its old form or its new one, or the one before is found") {
  for (const Fault fault : {Fault::error, Fault::stop}) {
    bool happened = true;
    for (int at = 0; happened; ++at) {
      TemporaryDirectory directory;
      save_whole(directory.path(), kDivision, 10);
      save_whole(directory.path(), kDivision, 20);
      happened = save_with_fault(directory.path(), 20, fault, at).happened;
      const auto found = find_checkpoint(directory.path());
      REQUIRE(found);
      CHECK_MESSAGE((wrong_in(found->directory, 0.0F) == 0 || wrong_in(found->directory, 1.0F) == 0), "operation ", at);
    }
  }
}

TEST_CASE("the only checkpoint of a run saved again is never lost") {
  bool happened = true;
  for (int at = 0; happened; ++at) {
    TemporaryDirectory directory;
    save_whole(directory.path(), kDivision, 10);
    happened = save_with_fault(directory.path(), 10, Fault::stop, at).happened;
    const auto found = find_checkpoint(directory.path());
    REQUIRE_MESSAGE(found, "operation ", at);
    CHECK_MESSAGE((wrong_in(found->directory, 0.0F) == 0 || wrong_in(found->directory, 1.0F) == 0), "operation ", at);
  }
}

TEST_CASE("a rank that cannot write its part makes every rank fail, and says why") {
  TemporaryDirectory directory;
  const ModelShape model = tiny_gpt();
  save_simulated(directory.path(), model, {.tensor = 2}, 10);
  std::string own, other;
  run_group(2, [&](const SaveGroup& group) {
    RankMemory memory = rank_memory(model, {.tensor = 2}, group.rank);
    FaultyStorage broken(Fault::stop, 1);  // creates its file and cannot write it
    try {
      save_checkpoint(directory.path(), {.step = 20, .layout = {.tensor = 2}, .model = model}, memory.owned, group, {},
                      group.rank == 1 ? broken : disk());
    } catch (const Error& error) {
      (group.rank == 1 ? own : other) = error.what() + std::string(" | ") + error.complaints().back().hint;
    }
  });
  CHECK(own.find("rank-00001.safetensors': No space left on device") != std::string::npos);
  CHECK(own.find("the last good checkpoint is 'step-00000010'") != std::string::npos);
  CHECK(other.find("another rank could not write its part") != std::string::npos);
  CHECK(steps_in(directory.path()) == std::vector<int64_t>{10});
  CHECK_FALSE(fs::exists(directory.path() / ".tmp-step-00000020"));
}

TEST_CASE("removing an old checkpoint that cannot be removed is a note, and the new one stands") {
  TemporaryDirectory directory;
  save_simulated(directory.path(), tiny_gpt(), {}, 10);
  bool noted = false;
  for (int at = 0; !noted; ++at) {
    REQUIRE(at < 200);
    FaultyStorage storage(Fault::error, at);
    RankMemory memory = rank_memory(tiny_gpt(), {}, 0);
    fill(memory.owned);
    try {
      const SaveReport report =
          save_checkpoint(directory.path(), {.step = 20, .model = tiny_gpt()}, memory.owned, {}, {.keep = 1}, storage);
      noted = !report.notes.empty();
      if (noted) CHECK(report.notes[0].find("cannot remove the old checkpoint") == 0);
    } catch (const Error&) {
      continue;
    }
  }
  CHECK(find_checkpoint(directory.path())->directory.filename() == "step-00000020");
}

/// A directory that holds no more than a few kilobytes more: a small tmpfs where this process may mount one, else the largest file is
/// limited.
class FullDisk {
 public:
  explicit FullDisk(const fs::path& directory) : directory_(directory) {
    mounted_ = ::mount("llmrun-test", directory.c_str(), "tmpfs", 0, "size=128k") == 0;
    if (mounted_) return;
    before_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &limit_);
    rlimit small = limit_;
    small.rlim_cur = 16384;
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~FullDisk() {
    if (mounted_) {
      ::umount(directory_.c_str());
    } else {
      ::setrlimit(RLIMIT_FSIZE, &limit_);
      ::signal(SIGXFSZ, before_);
    }
  }
  bool mounted() const { return mounted_; }

 private:
  fs::path directory_;
  bool mounted_ = false;
  rlimit limit_{};
  void (*before_)(int) = nullptr;
};

TEST_CASE("a disk that fills up during a save costs that save alone, and the error names bytes, disk and the checkpoint that is left") {
  TemporaryDirectory directory;
  const FullDisk full(directory.path());
  save_simulated(directory.path(), tiny_gpt(), {}, 10);
  const ModelShape large = model_shape({.family = Family::gpt, .layers = 2, .hidden = 64, .heads = 2, .vocab = 50}, 8);
  try {
    save_simulated(directory.path(), large, {.tensor = 2}, 20);
    FAIL("there was room");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::failed);
    CHECK(std::string(error.what()).find(full.mounted() ? "No space left on device" : "File too large") != std::string::npos);
    CHECK(error.complaints().back().because.at(0).find("KiB, the file system has") != std::string::npos);
    CHECK(error.complaints().back().hint.find("the last good checkpoint is 'step-00000010'") != std::string::npos);
  }
  CHECK(find_checkpoint(directory.path())->directory.filename() == "step-00000010");
  CHECK(wrong_in(directory.path() / "step-00000010", 0.0F) == 0);
  CHECK_FALSE(fs::exists(directory.path() / ".tmp-step-00000020"));
}

}  // namespace
}  // namespace llmrun

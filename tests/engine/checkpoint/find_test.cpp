#include <fstream>

#include "engine/checkpoint/directory.h"
#include "engine/core/file.h"
#include "tests/engine/checkpoint/simulated_run.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

struct SavedSteps {
  explicit SavedSteps(std::initializer_list<int64_t> steps, const SaveOptions& options = {}) {
    for (const int64_t step : steps) save(step, options);
  }
  void save(int64_t step, const SaveOptions& options = {}) { save_simulated(path(), small_gpt(), {.tensor = 2}, step, 0, options); }
  const fs::path& path() const { return directory.path(); }
  std::string found() const {
    const auto checkpoint = find_checkpoint(path());
    return checkpoint ? checkpoint->directory.filename().string() : "none";
  }
  TemporaryDirectory directory;
};

TEST_CASE("without a checkpoint there is nothing to find, and that is no error") {
  TemporaryDirectory directory;
  CHECK_FALSE(find_checkpoint(directory.path()));
  CHECK_FALSE(find_checkpoint(directory.path() / "absent"));
  fs::create_directory(directory.path() / ".tmp-step-00000001");
  CHECK_FALSE(find_checkpoint(directory.path()));
}

TEST_CASE("the newest checkpoint is found and 'latest' names it") {
  const SavedSteps run{10, 20};
  CHECK(run.found() == "step-00000020");
  CHECK(read_file(run.path() / "latest") == "step-00000020\n");
  CHECK(find_checkpoint(run.path())->notes.empty());
}

TEST_CASE("a pointer that is damaged, stale or gone costs a note, not a step") {
  const SavedSteps run{10, 20};
  for (const char* content : {"", "step-00000010\n", "step-00000099\n", "\xff\xfe", "../../etc\n"}) {
    std::ofstream(run.path() / "latest") << content;
    CHECK(run.found() == "step-00000020");
    CHECK(find_checkpoint(run.path())->notes.size() == 1);
  }
  fs::remove(run.path() / "latest");
  CHECK(find_checkpoint(run.path())->notes ==
        std::vector<std::string>{"'latest' is missing; the newest complete checkpoint is 'step-00000020'"});
}

TEST_CASE("an unusable checkpoint is passed over with the reason, and when all are the error names each") {
  const SavedSteps run{10, 20};
  fs::remove(run.path() / "step-00000020" / "rank-00001.safetensors");
  CHECK(run.found() == "step-00000010");
  CHECK(find_checkpoint(run.path())->notes.at(0).find("rank-00001.safetensors': No such file") != std::string::npos);
  fs::remove(run.path() / "step-00000010" / "manifest.json");
  try {
    find_checkpoint(run.path());
    FAIL("found one");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::no_checkpoint);
    REQUIRE(error.complaints().size() == 2);
    CHECK(error.complaints()[0].what.find("'step-00000020'") != std::string::npos);
    CHECK(error.complaints()[1].what.find("manifest.json") != std::string::npos);
  }
}

TEST_CASE("a checkpoint whose load failed can be passed over") {
  const SavedSteps run{10, 20};
  const auto found = find_checkpoint(run.path(), {{"step-00000020", "it is damaged"}});
  REQUIRE(found);
  CHECK(found->directory.filename() == "step-00000010");
  CHECK(found->notes.at(0) == "checkpoint 'step-00000020' is not usable: it is damaged");
}

TEST_CASE("the newest checkpoints are kept, and one that is damaged does not count as one") {
  SavedSteps run({10, 20, 30}, {.keep = 2});
  CHECK(steps_in(run.path()) == std::vector<int64_t>{30, 20});
  fs::remove(run.path() / "step-00000030" / "manifest.json");
  run.save(40, {.keep = 2});
  CHECK(steps_in(run.path()) == std::vector<int64_t>{40, 30, 20});
  run.save(50, {.keep = 1});
  CHECK(steps_in(run.path()) == std::vector<int64_t>{50, 30});
  CHECK(run.found() == "step-00000050");
}

TEST_CASE("what a stopped save left is gone after the next one") {
  SavedSteps run{10};
  fs::create_directory(run.path() / ".tmp-step-00000099");
  std::ofstream(run.path() / ".tmp-step-00000099" / "rank-00000.safetensors") << "half";
  std::ofstream(run.path() / ".tmp-latest") << "step";
  run.save(20);
  for (const auto& entry : fs::directory_iterator(run.path())) CHECK_FALSE(entry.path().filename().string().starts_with(".tmp-"));
}

TEST_CASE("a run that goes on from further back leaves its earlier history aside") {
  SavedSteps run{10, 20, 30};
  run.save(15, {.keep = 1});
  CHECK(run.found() == "step-00000015");
  CHECK(steps_in(run.path()) == std::vector<int64_t>{15});
  CHECK(fs::exists(run.path() / "aside-step-00000020"));
  CHECK(fs::exists(run.path() / "aside-step-00000030"));
}

TEST_CASE("saving a step again replaces it") {
  SavedSteps run{10};
  save_simulated(run.path(), small_gpt(), {}, 10, 1.0F);
  CHECK(run.found() == "step-00000010");
  CHECK(CheckpointReader(run.path() / "step-00000010").manifest().files.size() == 1);
  CHECK_FALSE(fs::exists(run.path() / "aside-step-00000010"));
}

}  // namespace
}  // namespace llmrun

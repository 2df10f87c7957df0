#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/cli/command.h"
#include "tests/support/test.h"

namespace fs = std::filesystem;

namespace {

/// The layer of a file: cli, launcher, or a folder of engine.
std::string layer_of(const std::string& path) {
  const std::string first = path.substr(0, path.find('/'));
  if (first != "engine") return first;
  const std::string rest = path.substr(first.size() + 1);
  return "engine/" + rest.substr(0, rest.find('/'));
}

// Inside the engine left may use right.
const std::vector<std::string> kEngine = {"engine/rank", "engine/train", "engine/checkpoint", "engine/observe",
                                          "engine/data", "engine/model", "engine/parallel",   "engine/optim",
                                          "engine/ops",  "engine/comm",  "engine/core"};
const std::set<std::string> kAside = {"engine/checkpoint", "engine/observe", "engine/data"};  // beside one another

bool may_include(const std::string& from, const std::string& to) {
  if (from == to) return true;
  if (from == "cli") return to == "launcher" || to == "engine/core";
  if (from == "launcher") return to == "engine/core";
  if (kAside.contains(from) && kAside.contains(to)) return false;
  const auto position = [](const std::string& layer) { return std::find(kEngine.begin(), kEngine.end(), layer); };
  return position(from) != kEngine.end() && position(to) != kEngine.end() && position(from) < position(to);
}

}  // namespace

TEST_CASE("includes follow the arrows: cli -> launcher -> engine/core, and from left to right inside the engine") {
  const fs::path root = LLMRUN_SOURCE_DIR;
  const std::regex include("^#include \"((?:cli|launcher|engine)/[^\"]+)\"");
  int seen = 0;
  for (const char* top : {"cli", "launcher", "engine"})
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top)) {
      const std::string extension = entry.path().extension().string();
      if (extension != ".h" && extension != ".cpp") continue;
      const std::string file = fs::relative(entry.path(), root).string();
      std::ifstream in(entry.path());
      std::smatch match;
      for (std::string line; std::getline(in, line);) {
        if (!std::regex_search(line, match, include)) continue;
        const std::string to = match[1].str();
        ++seen;
        CHECK_MESSAGE(may_include(layer_of(file), layer_of(to)), file, " includes ", to);
      }
    }
  CHECK(seen > 300);
}

TEST_CASE("llmrun loads neither LibTorch nor MPI nor hwloc") {
  const llmrun::CommandLine shell;
  const llmrun::Outcome outcome = shell(std::string("ldd '") + LLMRUN_PROGRAM + "'");
  CHECK(outcome.exit == 0);
  for (const char* library : {"libtorch", "libc10", "libmpi", "libhwloc", "libpmix", "libcuda"})
    CHECK_MESSAGE(outcome.out.find(library) == std::string::npos, library);
}

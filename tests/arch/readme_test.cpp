#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "tests/cli/command.h"
#include "tests/support/test.h"

namespace fs = std::filesystem;

namespace {

bool is_ours(const fs::path& path) {
  const std::string text = path.string();
  return text.find("/build/") == std::string::npos && text.find("/.deps/") == std::string::npos && text.find("/.git/") == std::string::npos;
}

}  // namespace

TEST_CASE("links in Markdown files lead to files that are there") {
  const fs::path root = LLMRUN_SOURCE_DIR;
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  int seen = 0;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    const std::string name = it->path().filename().string();
    if (it->is_directory() && (name == "build" || name == ".deps" || name == ".git" || name == "outputs")) it.disable_recursion_pending();
    if (it->path().extension() != ".md" || !is_ours(it->path())) continue;
    const std::string text = llmrun::CommandLine::slurp(it->path());
    for (std::sregex_iterator match(text.begin(), text.end(), link), end; match != end; ++match) {
      ++seen;
      CHECK_MESSAGE(fs::exists(it->path().parent_path() / (*match)[1].str()), it->path().string(), " links to ", (*match)[1].str());
    }
  }
  CHECK(seen > 20);
}

TEST_CASE("every folder with sources says how to add to it") {
  const fs::path root = LLMRUN_SOURCE_DIR;
  std::set<fs::path> folders;
  for (const char* top : {"cli", "launcher", "engine", "profiles", "templates"})
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / top))
      if (entry.path().extension() == ".cpp") folders.insert(entry.path().parent_path());
  CHECK(folders.size() > 15);
  for (const fs::path& folder : folders) CHECK_MESSAGE(fs::exists(folder / "README.md"), folder.string());
}

TEST_CASE("every command that the README types is one that llmrun has") {
  const llmrun::CommandLine shell;
  const std::string help = shell("llmrun --help").out;
  std::ifstream readme(fs::path(LLMRUN_SOURCE_DIR) / "README.md");
  const std::regex command("(?:^    |`)llmrun ([a-z]+)");
  std::set<std::string> names;
  std::smatch match;
  for (std::string line; std::getline(readme, line);)
    if (std::regex_search(line, match, command)) names.insert(match[1].str());
  CHECK(names.size() >= 4);
  for (const std::string& name : names) CHECK_MESSAGE(help.find("  " + name + " ") != std::string::npos, name);
}

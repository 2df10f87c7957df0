#include "engine/core/file.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

using namespace llmrun;
namespace fs = std::filesystem;

namespace {

size_t files_in(const fs::path& directory) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator{}));
}

/// The exit status of `work` in a child whose files may not grow past `bytes`: the disk is full there.
template <typename Work>
int with_file_limit(rlim_t bytes, Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // the write fails with EFBIG instead
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::_exit(work());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("an atomic write replaces the file and leaves nothing beside it") {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "plan.json";
  write_file_atomically(file, "old");
  write_file_atomically(file, "new");
  CHECK(read_file(file) == "new");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("an atomic write that runs out of room keeps the old file and cleans up") {
  const TemporaryDirectory directory;
  const fs::path file = directory.path() / "plan.json";
  write_file_atomically(file, "old");
  const int status = with_file_limit(100, [&] {
    try {
      write_file_atomically(file, std::string(1000, 'x'));
    } catch (const Error& error) {
      return std::string(error.what()).find("plan.json") != std::string::npos ? 7 : 8;
    }
    return 9;
  });
  CHECK(status == 7);
  CHECK(read_file(file) == "old");
  CHECK(files_in(directory.path()) == 1);
}

TEST_CASE("appended lines stand one below the other") {
  const TemporaryDirectory directory;
  append_line(directory.path() / "logfiles", "first");
  append_line(directory.path() / "logfiles", "second");
  CHECK(read_file(directory.path() / "logfiles") == "first\nsecond\n");
}

TEST_CASE("W3: an appended line begins on a line of its own, wherever a writer before it was killed") {
  const TemporaryDirectory directory;
  const fs::path events = directory.path() / "events.jsonl";
  const std::string first = R"({"event":"queueing"})";
  for (size_t written = 0; written <= first.size() + 1; ++written) {
    CAPTURE(written);
    const std::string left = (first + "\n").substr(0, written);
    write_file_atomically(events, left);
    append_line(events, "second");
    CHECK(read_file(events) == left + (left.empty() || left.ends_with('\n') ? "" : "\n") + "second\n");
  }
}

TEST_CASE("a file that cannot be read is an error with its path, its cause and the caller's exit code") {
  try {
    read_file("/nowhere/run.yaml", Exit::preflight);
    FAIL("read a file that is not there");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()) == "cannot read '/nowhere/run.yaml': No such file or directory");
  }
}

#include "launcher/follow/log_file.h"

#include <fcntl.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include <fstream>
#include <vector>

#include "engine/core/file.h"
#include "launcher/follow/change_watcher.h"
#include "launcher/follow/log_start.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

void append(const std::string& file, const std::string& text) { std::ofstream(file, std::ios::app | std::ios::binary) << text; }

LogStart last(int64_t lines) { return {lines, {}}; }

/// A log that is read to its end at each call.
struct Reader {
  LogFile file;
  size_t piece = 16;
  Reader(const std::string& path, LogStart start) : file(path, start) {}
  std::string next() {
    std::vector<std::string> lines;
    do {
      file.look();
      for (file.fill(piece); file.has_line(); file.next(piece))
        lines.push_back(std::string(file.line().text) + (file.line().cut ? "+" : ""));
    } while (file.unread());
    return fmt::format("{}", fmt::join(lines, "|"));
  }
};

}  // namespace

TEST_CASE("a log starts with its last lines and goes on with what comes") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  append(path, "1\n2\n3\n4\n");
  Reader log(path, last(2));
  CHECK(log.next() == "3|4");
  CHECK(log.next() == "");
  append(path, "5\nsi");
  CHECK(log.next() == "5");
  append(path, "x\n");
  CHECK(log.next() == "six");
  append(path, "rest");
  CHECK(log.next() == "");
  CHECK(log.file.rest()->text == "rest");
  CHECK(!log.file.rest());
}

TEST_CASE("a log of more history than there is, of none, of all, and of many lines") {
  TemporaryDirectory directory;
  append(directory / "log", "1\n2\n");
  CHECK(Reader(directory / "log", last(10)).next() == "1|2");
  CHECK(Reader(directory / "log", last(0)).next() == "");
  CHECK(Reader(directory / "log", {}).next() == "1|2");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += fmt::format("line {}\n", i);
  append(directory / "long", many);
  const std::string lines = Reader(directory / "long", last(20'000)).next();
  CHECK(lines.starts_with("line 80000|line 80001|"));
  CHECK(lines.ends_with("|line 99999"));
  CHECK(std::count(lines.begin(), lines.end(), '|') == 19'999);
}

TEST_CASE("a log that appears late is read whole, one that is cut back from its start") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  Reader log(path, last(1));
  CHECK(log.next() == "");
  append(path, "a\nb\nto");
  CHECK(log.next() == "a|b");
  std::filesystem::resize_file(path, 0);
  append(path, "c\n");
  CHECK(log.next() == "c");
}

TEST_CASE("a log that is rotated is read to its end before the new one, whether it is open or not") {
  for (const bool open : {true, false}) {
    CAPTURE(open);
    TemporaryDirectory directory;
    const std::string path = directory / "log";
    append(path, "1\n");
    Reader log(path, {});
    CHECK(log.next() == "1");
    if (!open) log.file.close();
    append(path, "2\n3\nfo");
    std::filesystem::rename(path, path + ".1");
    append(path, "new 1\n");
    CHECK(log.next() == "2|3|fo|new 1");  // nobody will end "fo" any more
    append(path, "new 2\n");
    CHECK(log.next() == "new 2");
  }
}

TEST_CASE("a log that is replaced while nothing of it was unread is read from its start") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  append(path, "a\n");
  Reader log(path, {});
  CHECK(log.next() == "a");
  log.file.close();
  write_file_atomically(path, "new\nfile\n");
  CHECK(log.next() == "new|file");
}

TEST_CASE("a very long line is cut at a whole character with a mark, and the rest of it left out") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  const std::string longest(LogFile::kLongestLine, 'x');
  for (const size_t piece : {size_t{64}, size_t{1 << 18}}) {
    CAPTURE(piece);
    std::filesystem::remove(path);
    Reader log(path, {});
    log.piece = piece;
    append(path, "a\n" + longest + "\n" + longest + "y\nb\n");
    CHECK(log.next() == "a|" + longest + "|" + longest + "+|b");
    append(path, longest.substr(1) + "\xe2\x82\xac and so on");  // the character straddles the limit
    CHECK(log.next() == longest.substr(1) + "+");                // shown before its end is there
    append(path, longest + longest);
    CHECK(log.next() == "");
    append(path, "\nc\n");
    CHECK(log.next() == "c");
  }
}

TEST_CASE("a line at hand keeps its text while more is read behind it") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  append(path, "skip\nfirst\n");
  LogFile file(path, {});
  file.look();
  file.fill(1024);
  file.next(1024);
  append(path, std::string(5000, 'z') + "\n");
  file.look();
  file.fill(1 << 16);
  CHECK(file.line().text == "first");
  CHECK(file.next(1 << 16));
  CHECK(file.line().text.size() == 5000);
}

TEST_CASE("what was there at a mark is due, what came after is not") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  append(path, "1\n2\n");
  LogFile file(path, {});
  file.look();
  file.mark();
  append(path, "3\n");
  file.look();
  file.fill(1024);
  CHECK(file.is_due());
  file.next(1024);
  CHECK(file.is_due());
  file.next(1024);
  CHECK(file.has_line());
  CHECK(!file.is_due());
}

TEST_CASE("the first line of a time is found in logs of any length, with lines that have no time between") {
  TemporaryDirectory directory;
  const std::string path = directory / "log";
  for (const int lines : {0, 1, 10, 3000, 200'000}) {
    CAPTURE(lines);
    std::filesystem::remove(path);
    std::string text = "no time\n";
    std::vector<size_t> offsets;
    for (int i = 0; i < lines; ++i) {
      offsets.push_back(text.size());
      text += fmt::format("2023-10-11 {:02}:{:02}:{:02}.000 [rank 0] info x\n  more of it\n", i / 3600 % 24, i / 60 % 60, i % 60);
      if (i == 86'399) break;
    }
    append(path, text);
    const int descriptor = ::open(path.c_str(), O_RDONLY);
    const auto size = static_cast<int64_t>(text.size());
    const WallTime first = time_of_line("2023-10-11 00:00:00");
    for (size_t i = 0; i < offsets.size(); i += 1 + offsets.size() / 37) {
      CHECK(start_of_time(descriptor, size, first + static_cast<int64_t>(i) * 1000) == static_cast<int64_t>(offsets[i]));
      CHECK(start_of_time(descriptor, size, first + static_cast<int64_t>(i) * 1000 - 500) == static_cast<int64_t>(offsets[i]));
    }
    if (lines > 0) CHECK(start_of_time(descriptor, size, first + 86'400'000) == size);
    if (lines == 0) CHECK(start_of_time(descriptor, size, first) == 0);  // no times at all: everything
    ::close(descriptor);
  }
}

TEST_CASE("a watcher wakes when a file changes, and again after it was told once") {
  TemporaryDirectory directory;
  ChangeWatcher watcher;
  watcher.watch(directory.path());
  for (const char* text : {"x", "y"}) {
    append(directory / "log", text);
    watcher.wait(std::chrono::milliseconds(0), std::chrono::milliseconds(60'000));  // returns at once, or the test runs into its time limit
  }
}

TEST_CASE("a watcher wakes when nobody reads the pipe any more") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  CHECK(!is_unread(ends[1]));
  ::close(ends[0]);
  CHECK(is_unread(ends[1]));
  ChangeWatcher().wait(std::chrono::milliseconds(60'000), std::chrono::milliseconds(60'000), ends[1]);
  ::close(ends[1]);
}

}  // namespace llmrun

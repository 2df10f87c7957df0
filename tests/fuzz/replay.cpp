// Runs a target without a fuzzer: over its corpus, and over mutations of it that are the same on every machine and every day.
//   fuzz_NAME MUTATIONS PATH...      a file, or a directory of files
// The input at hand stands in ./fuzz_NAME.input: what is there after a crash belongs into the corpus.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/mutate.h"
#include "tests/fuzz/target.h"
#ifdef LLMRUN_FUZZ_LIMITS
#include "tests/fuzz/heap_peak.h"
#endif

namespace fs = std::filesystem;
using namespace llmrun::fuzz;

namespace {

std::vector<std::string> read_corpus(const std::vector<std::string>& paths) {
  std::vector<fs::path> files;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) files.push_back(path);
    if (fs::is_directory(path))
      for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path))
        if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const fs::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    promise(in.is_open(), file.c_str());
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

/// Keeps the input that is being read where a crash cannot take it away.
class LastInput {
 public:
  explicit LastInput(const std::string& path) : path_(path), file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  ~LastInput() {
    ::close(file_);
    fs::remove(path_);
  }
  void keep(const std::string& input) {
    const bool kept = ::ftruncate(file_, 0) == 0 && ::pwrite(file_, input.data(), input.size(), 0) == static_cast<ssize_t>(input.size());
    promise(kept, "the input can be kept in the working directory");
  }

 private:
  std::string path_;
  int file_;
};

void read(const std::string& input) { LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size()); }

#ifdef LLMRUN_FUZZ_LIMITS
// Fault list P10. Time is this thread's own, the least of a few tries: neither a busy machine nor a first page fault counts.
constexpr double kMostSeconds = 0.1;
constexpr int64_t kMostBytes = int64_t{64} << 20;

double seconds_to_read(const std::string& input) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  read(input);
  return now() - start;
}

void read_within_limits(const std::string& input) {
  restart_heap_peak();
  double seconds = seconds_to_read(input);
  promise(heap_peak() < kMostBytes, "an input takes less than 64 MiB");
  for (int again = 0; again < 3 && seconds >= kMostSeconds; ++again) seconds = std::min(seconds, seconds_to_read(input));
  promise(seconds < kMostSeconds, "an input takes less than 100 ms");
}
#else
void read_within_limits(const std::string& input) { read(input); }
#endif

}  // namespace

int main(int argc, char** argv) {
  promise(argc >= 3, "usage: fuzz_NAME MUTATIONS PATH...");
  const int mutations = std::stoi(argv[1]);
  const std::vector<std::string> corpus = read_corpus({argv + 2, argv + argc});
  promise(!corpus.empty(), "the corpus holds an input");
  LastInput last(fs::path(argv[0]).filename().string() + ".input");
  for (const std::string& input : corpus) {
    last.keep(input);
    read_within_limits(input);
  }
  std::mt19937_64 random(mutations);
  for (int i = 0; i < mutations; ++i) {
    const std::string input = mutated(corpus, random);
    last.keep(input);
    read_within_limits(input);
  }
  std::printf("%zu inputs of the corpus and %d mutations of them read\n", corpus.size(), mutations);
}

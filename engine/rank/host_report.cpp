#include "engine/rank/host_report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <vector>

namespace llmrun {
namespace {

constexpr std::chrono::seconds kLongest{2};

/// A file that nobody else has, which is gone with this object.
class ScratchFile {
 public:
  explicit ScratchFile(const std::filesystem::path& directory)
      : path_((directory / fmt::format(".llmrun-doctor-{}-XXXXXX", host_name())).string()), file_(::mkostemp(path_.data(), O_CLOEXEC)) {}
  ~ScratchFile() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(path_.c_str());
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;
  int number() const { return file_; }

 private:
  std::string path_;
  int file_;
};

/// Bytes that no file system can compress.
std::vector<uint64_t> noise(size_t bytes) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> words(bytes / sizeof(uint64_t));
  for (uint64_t& word : words) word = random();
  return words;
}

json limit(int resource) {
  rlimit now{};
  if (::getrlimit(static_cast<__rlimit_resource>(resource), &now) != 0 || now.rlim_cur == RLIM_INFINITY) return nullptr;
  return now.rlim_cur;
}

}  // namespace

WriteSpeed write_speed(const std::filesystem::path& directory, int64_t most_bytes) {
  using Clock = std::chrono::steady_clock;
  const ScratchFile file(directory);
  if (file.number() < 0) return {0, std::strerror(errno)};
  const std::vector<uint64_t> block = noise(1 << 20);
  const auto block_bytes = static_cast<int64_t>(block.size() * sizeof(uint64_t));
  const auto begin = Clock::now();
  int64_t written = 0;
  while (written < most_bytes && Clock::now() - begin < kLongest) {
    const ssize_t count = ::write(file.number(), block.data(), static_cast<size_t>(std::min(block_bytes, most_bytes - written)));
    if (count < 0 && errno != EINTR) return {0, std::strerror(errno)};
    written += std::max<ssize_t>(0, count);
  }
  if (::fdatasync(file.number()) != 0) return {0, std::strerror(errno)};
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return {static_cast<double>(written) / seconds, {}};
}

json limits_json() {
  return {{"open_files", limit(RLIMIT_NOFILE)}, {"locked_bytes", limit(RLIMIT_MEMLOCK)}, {"core_bytes", limit(RLIMIT_CORE)}};
}

int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

}  // namespace llmrun

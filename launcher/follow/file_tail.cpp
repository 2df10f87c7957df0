#include "launcher/follow/file_tail.h"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace llmrun {
namespace {

constexpr int64_t kBlock = 1 << 16;

std::string read_range(std::ifstream& stream, int64_t begin, int64_t end) {
  std::string text(static_cast<size_t>(end - begin), '\0');
  stream.clear();
  stream.seekg(begin);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

}  // namespace

/// Walks back block by block until `history_` newlines lie between there and the end.
void FileTail::start_at_history(int64_t size) {
  started_ = true;
  offset_ = size;
  std::ifstream stream(file_, std::ios::binary);
  int64_t lines = 0;
  for (int64_t end = size; end > 0 && history_ > 0;) {
    const int64_t begin = std::max<int64_t>(0, end - kBlock);
    const std::string block = read_range(stream, begin, end);
    for (int64_t i = static_cast<int64_t>(block.size()) - 1; i >= 0; --i) {
      const bool last_byte = begin + i == size - 1;
      if (block[static_cast<size_t>(i)] != '\n' || last_byte) continue;
      if (++lines == history_) {
        offset_ = begin + i + 1;
        return;
      }
    }
    offset_ = end = begin;
  }
}

std::vector<std::string> FileTail::next() {
  std::vector<std::string> lines;
  struct stat status {};
  if (::stat(file_.c_str(), &status) != 0) {
    started_ = true;  // what it holds once it appears is all new
    return lines;
  }
  if (!started_) start_at_history(status.st_size);
  if (status.st_size < offset_ || (inode_ != 0 && inode_ != status.st_ino)) offset_ = 0, pending_.clear();
  inode_ = status.st_ino;
  if (status.st_size == offset_) return lines;
  std::ifstream stream(file_, std::ios::binary);
  const std::string fresh = read_range(stream, offset_, status.st_size);
  offset_ += static_cast<int64_t>(fresh.size());
  pending_ += fresh;
  size_t begin = 0;
  for (size_t end; (end = pending_.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(pending_.substr(begin, end - begin));
  pending_.erase(0, begin);
  return lines;
}

std::string FileTail::take_rest() { return std::exchange(pending_, ""); }

ChangeWatcher::ChangeWatcher() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}

ChangeWatcher::~ChangeWatcher() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void ChangeWatcher::watch(const std::filesystem::path& directory) {
  if (descriptor_ >= 0) ::inotify_add_watch(descriptor_, directory.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
}

void ChangeWatcher::wait(int most_ms) {
  pollfd event{descriptor_, POLLIN, 0};
  if (::poll(&event, descriptor_ >= 0 ? 1 : 0, most_ms) <= 0) return;
  char drained[4096];
  while (::read(descriptor_, drained, sizeof drained) > 0) {
  }
}

}  // namespace llmrun

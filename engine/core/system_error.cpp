#include "engine/core/system_error.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace llmrun {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostShown = 200;  // characters of a path: one that is refused for its length must not fill the screen
constexpr const char* kLessMemory =
    "llmrun plan says what a rank needs; a smaller micro batch, parallel.recompute=full and more ranks make it less";

std::string shown(const fs::path& path) {
  const std::string text = path.string();
  return text.size() <= kMostShown ? text : text.substr(0, kMostShown) + "...";
}

bool is_full(int cause) { return cause == ENOSPC || cause == EDQUOT; }

/// "create" of "filesystem error: cannot create directories: Permission denied [/root/x]"; "look at" where it only asked.
std::string verb_in(std::string_view sentence) {
  for (const char* verb : {"create", "remove", "rename", "copy", "open", "resize", "sync", "write", "read", "set permissions of"})
    if (sentence.find(fmt::format(" {} ", verb)) != std::string_view::npos ||
        sentence.find(fmt::format(" {}:", verb)) != std::string_view::npos)
      return verb;
  return "look at";
}

Error of_file_system(const fs::filesystem_error& failure) {
  const int cause = failure.code().value();
  if (failure.path1().empty() && std::string_view(failure.what()).find("current path") != std::string_view::npos)
    return Error(Exit::preflight, "cannot find the current directory: {}", failure.code().message()).hint("cd to one that is there");
  return system_error(is_full(cause) || cause == EIO ? Exit::failed : Exit::preflight, verb_in(failure.what()), failure.path1(), cause);
}

/// "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 16 bytes. Error code 12
/// (Cannot allocate memory)", or "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has ...".
Error of_text(std::string line) {
  constexpr std::string_view kOfHost = "can't allocate memory: ";
  if (const size_t host = line.find(kOfHost); host != std::string::npos) {
    line = line.substr(host + kOfHost.size());
    return Error(Exit::failed, "out of memory: {}", line.substr(0, line.find(". "))).hint("{}", kLessMemory);
  }
  Error error(Exit::failed, "{}", line);
  return line.find("out of memory") == std::string::npos ? error : error.hint("{}", kLessMemory);
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

std::string system_hint(const fs::path& path, int cause) {
  const std::string name = shown(path), parent = path.parent_path().empty() ? "." : shown(path.parent_path());
  if (is_full(cause)) return fmt::format("df -h {}", parent);
  switch (cause) {
    case EISDIR:
      return fmt::format("name a file: ls '{}'", name);
    case ENOTDIR:
      return fmt::format("ls -ld '{}'", parent);
    case ENAMETOOLONG:
      return "a name may have 255 bytes, a whole path 4095";
    case EROFS:
      return fmt::format("findmnt -T '{}'", parent);
    case EMFILE:
    case ENFILE:
      return "ulimit -n says how many files may be open";
    case ENOMEM:
      return "free -h and ulimit -v say how much memory there is";
    case EINVAL:
      return path.empty() ? "give it a name" : fmt::format("ls -ld '{}'", name);
    default:
      return fmt::format("ls -l '{}'", name);
  }
}

Error system_error(Exit code, std::string_view verb, const fs::path& path, int cause) {
  return Error(code, "cannot {} '{}': {}", verb, shown(path), std::strerror(cause)).hint("{}", system_hint(path, cause));
}

Error stdout_error() {
  return std::move(Error(Exit::failed, "cannot write to stdout").hint("df -h . where it is a file; else who reads it has ended"));
}

Error as_error(const std::exception& error) {
  if (const auto* known = dynamic_cast<const Error*>(&error)) return *known;
  if (const auto* failure = dynamic_cast<const fs::filesystem_error*>(&error)) return of_file_system(*failure);
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr)
    return Error(Exit::failed, "out of memory").hint("free -h and ulimit -v say how much there is");
  const auto* refused = dynamic_cast<const std::system_error*>(&error);
  if (refused != nullptr && refused->code() == std::errc::resource_unavailable_try_again)
    return Error(Exit::failed, "cannot start a thread: {}", refused->code().message()).hint("ulimit -u says how many there may be");
  return of_text(first_line(error.what()));
}

}  // namespace llmrun

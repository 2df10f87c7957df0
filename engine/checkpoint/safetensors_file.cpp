#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/checkpoint/checksum.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/checkpoint/safetensors_header.h"
#include "engine/core/half.h"
#include "engine/core/system_error.h"

namespace llmrun {

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path, Exit code) : path_(path), code_(code) {
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw system_error(code, "open", path, errno);
  try {
    struct stat status {};
    if (::fstat(fd_, &status) != 0) throw system_error(code, "look at", path, errno);
    if (!S_ISREG(status.st_mode)) throw Error(code, "'{}' is not a file", path.string()).hint("ls -l '{}'", path.string());
    bytes_ = status.st_size;
    std::string start(static_cast<size_t>(std::min<int64_t>(8, bytes_)), '\0');
    read_file(0, static_cast<int64_t>(start.size()), start.data());
    const int64_t length = header_length(start, bytes_);
    start.resize(static_cast<size_t>(8 + length));
    read_file(8, length, start.data() + 8);
    header_checksum_ = xxh3(start);
    header_ = parse_header(std::string_view(start).substr(8), bytes_ - 8 - length);
  } catch (const BadHeader& bad) {
    ::close(fd_);
    throw Error(code, "'{}' is not a valid safetensors file: {}", path.string(), bad.what())
        .hint("it is cut or damaged: copy it again, and compare ls -l '{}'", path.string());
  } catch (...) {
    ::close(fd_);
    throw;
  }
  for (size_t i = 0; i < header_.tensors.size(); ++i) by_name_[header_.tensors[i].name] = i;
}

SafetensorsFile::SafetensorsFile(SafetensorsFile&& other) noexcept
    : path_(std::move(other.path_)),
      code_(other.code_),
      fd_(std::exchange(other.fd_, -1)),
      bytes_(other.bytes_),
      header_checksum_(other.header_checksum_),
      header_(std::move(other.header_)),
      by_name_(std::move(other.by_name_)) {}

SafetensorsFile::~SafetensorsFile() {
  if (fd_ >= 0) ::close(fd_);
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &header_.tensors[found->second];
}

void SafetensorsFile::read(int64_t offset, int64_t size, void* into) const { read_file(header_.data_begin + offset, size, into); }

// pread, not mmap: a file that shrinks or a disk that fails becomes an Error here, and a SIGBUS there.
void SafetensorsFile::read_file(int64_t offset, int64_t size, void* into) const {
  auto* next = static_cast<char*>(into);
  while (size > 0) {
    const ssize_t count = ::pread(fd_, next, static_cast<size_t>(std::min<int64_t>(size, int64_t{1} << 30)), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw Error(code_, "cannot read '{}' at byte {}: {}", path_.string(), offset, std::strerror(errno));
    if (count == 0) throw Error(code_, "'{}' ends at byte {} and had {} when it was opened", path_.string(), offset, bytes_);
    next += count;
    offset += count;
    size -= count;
  }
}

bool is_loadable(std::string_view dtype) { return dtype == "F32" || dtype == "F16" || dtype == "BF16"; }

void to_fp32(std::string_view dtype, const void* from, int64_t elements, float* into) {
  if (dtype == "F32") {
    std::memcpy(into, from, static_cast<size_t>(elements) * sizeof(float));
    return;
  }
  const auto* bytes = static_cast<const char*>(from);
  const bool bf16 = dtype == "BF16";
  for (int64_t i = 0; i < elements; ++i) {
    uint16_t word = 0;
    std::memcpy(&word, bytes + 2 * i, 2);
    into[i] = bf16 ? std::bit_cast<float>(static_cast<uint32_t>(word) << 16) : fp16_to_fp32(word);
  }
}

uint16_t to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return static_cast<uint16_t>((bits >> 16) | 0x40);  // NaN: keep it one
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

}  // namespace llmrun

#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.h"

namespace llmrun {

// The safetensors format (github.com/huggingface/safetensors): eight bytes of little-endian header length, a JSON header, the bytes of
// the tensors. Nothing in such a file is trusted: the header is checked against the file before a byte of data is touched.

inline constexpr int64_t kMaxHeaderBytes = int64_t{64} << 20;

/// A tensor of a file. `dtype` is the format's word ("F32", "BF16", "I64"); any known one is listed, floats up to 32 bits are loadable.
struct StoredTensor {
  std::string name;
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t offset = 0;  // bytes from the start of the data
  int64_t bytes = 0;
  int64_t elements() const;
};

struct SafetensorsHeader {
  std::vector<StoredTensor> tensors;            // ascending in offset: they tile the data without hole or overlap
  std::map<std::string, std::string> metadata;  // "__metadata__"
  int64_t data_begin = 0;                       // bytes from the start of the file
};

/// Bytes of one element; 0 for a word that is not a dtype.
int64_t dtype_bytes(std::string_view dtype);

/// The start of a file: length, JSON and blanks up to a multiple of eight. `tensors` ascend in offset. The data follow.
std::string safetensors_header(const std::vector<StoredTensor>& tensors, const std::map<std::string, std::string>& metadata);

/// A file open for reading: header checked, data read on demand. Threads may share one.
class SafetensorsFile {
 public:
  /// Throws Error(code) with the path and what is wrong.
  SafetensorsFile(const std::filesystem::path& path, Exit code);
  ~SafetensorsFile();
  SafetensorsFile(SafetensorsFile&& other) noexcept;
  SafetensorsFile& operator=(SafetensorsFile&&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const SafetensorsHeader& header() const { return header_; }
  int64_t bytes() const { return bytes_; }
  uint64_t header_checksum() const { return header_checksum_; }  // XXH3 of all that stands before the data
  /// The tensor of that name, or null.
  const StoredTensor* find(std::string_view name) const;
  /// Copies `size` bytes of the data, from byte `offset` of the data on. REQUIRES that the file's data hold them.
  void read(int64_t offset, int64_t size, void* into) const;

 private:
  void read_file(int64_t offset, int64_t size, void* into) const;

  std::filesystem::path path_;
  Exit code_;
  int fd_ = -1;
  int64_t bytes_ = 0;
  uint64_t header_checksum_ = 0;
  SafetensorsHeader header_;
  std::map<std::string, size_t, std::less<>> by_name_;  // index into header_.tensors
};

/// F32, F16 or BF16 bytes to fp32. REQUIRES a loadable dtype.
bool is_loadable(std::string_view dtype);
void to_fp32(std::string_view dtype, const void* from, int64_t elements, float* into);
/// Rounds to nearest, ties to even; a NaN stays a NaN.
uint16_t to_bf16(float value);

}  // namespace llmrun

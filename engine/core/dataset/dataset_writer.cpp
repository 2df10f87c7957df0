#include "engine/core/dataset/dataset_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "engine/core/dataset/index_layout.h"
#include "engine/core/dataset/mapped_file.h"
#include "engine/core/error.h"

namespace llmrun {
namespace fs = std::filesystem;
namespace {

constexpr size_t kBuffer = 4 << 20;

[[noreturn]] void fail(const std::string& path, const char* verb) {
  const int cause = errno;
  throw std::move(Error(Exit::failed, "cannot {} '{}': {}", verb, path, std::strerror(cause))
                      .hint("df -h {}; then the same command goes on", fs::path(path).parent_path().string()));
}

std::string_view text_of(const MappedFile& file) { return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()}; }

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

int64_t tokens_size(const WriterState& state, TokenType type) { return state.tokens * token_bytes(type); }
int64_t lengths_size(const WriterState& state) { return state.sequences * static_cast<int64_t>(sizeof(int32_t)); }
int64_t marks_size(const WriterState& state) { return state.documents * static_cast<int64_t>(sizeof(int64_t)); }
int64_t hashes_size(const WriterState& state) { return state.inputs * static_cast<int64_t>(sizeof(uint64_t)); }

}  // namespace

DatasetWriter::Stream::Stream(const std::string& folder, const char* name, int64_t bytes)
    : path_((fs::path(folder) / name).string()), descriptor_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail(path_, "create");
  if (::ftruncate(descriptor_, bytes) != 0) fail(path_, "truncate");
}

DatasetWriter::Stream::~Stream() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void DatasetWriter::Stream::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kBuffer) {
    write_now(buffer_);
    buffer_.clear();
  }
  if (bytes.size() > kBuffer) return write_now(bytes);
  buffer_ += bytes;
}

void DatasetWriter::Stream::write_now(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail(path_, "write");
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void DatasetWriter::Stream::sync() {
  write_now(buffer_);
  buffer_.clear();
  if (::fdatasync(descriptor_) != 0) fail(path_, "sync");
}

DatasetWriter::DatasetWriter(const std::string& folder, TokenType type, const WriterState& state)
    : folder_(folder),
      type_(type),
      state_(state),
      tokens_(folder, "tokens", tokens_size(state, type)),
      lengths_(folder, "lengths", lengths_size(state)),
      marks_(folder, "marks", marks_size(state)),
      hashes_(folder, "hashes", hashes_size(state)) {}

bool DatasetWriter::can_continue(const std::string& folder, TokenType type, const WriterState& state) {
  const auto holds = [&](const char* name, int64_t bytes) {
    std::error_code missing;
    const auto size = fs::file_size(fs::path(folder) / name, missing);
    return !missing && static_cast<int64_t>(size) >= bytes;
  };
  return holds("tokens", tokens_size(state, type)) && holds("lengths", lengths_size(state)) && holds("marks", marks_size(state)) &&
         holds("hashes", hashes_size(state));
}

void DatasetWriter::append(std::string_view stored, int64_t tokens) {
  tokens_.write(stored);
  state_.tokens += tokens;
  state_.open_document += tokens;
  while (tokens > 0) {
    const int64_t fits = std::min(tokens, index_layout::kLongestSequence - state_.open_sequence);
    state_.open_sequence += fits;
    tokens -= fits;
    if (state_.open_sequence == index_layout::kLongestSequence) end_sequence();
  }
}

void DatasetWriter::end_sequence() {
  lengths_.write(bytes_of(static_cast<int32_t>(state_.open_sequence)));
  state_.open_sequence = 0;
  ++state_.sequences;
}

void DatasetWriter::end_document() {
  if (state_.open_document == 0) return;
  if (state_.open_sequence > 0) end_sequence();
  marks_.write(bytes_of(state_.sequences));
  state_.open_document = 0;
  ++state_.documents;
}

void DatasetWriter::end_chunk(uint64_t hash, bool ends_input, int64_t largest_id) {
  ++state_.chunks;
  state_.largest_id = std::max(state_.largest_id, largest_id);
  state_.open_hash = XXH3_64bits_withSeed(&hash, sizeof hash, state_.open_hash);
  if (!ends_input) return;
  hashes_.write(bytes_of(state_.open_hash));
  state_.open_hash = 0;
  ++state_.inputs;
}

void DatasetWriter::flush() {
  for (Stream* stream : {&tokens_, &lengths_, &marks_, &hashes_}) stream->sync();
}

std::vector<uint64_t> DatasetWriter::input_hashes() const {
  const MappedFile file(hashes_.path());
  std::vector<uint64_t> hashes(file.bytes().size() / sizeof(uint64_t));
  std::memcpy(hashes.data(), file.bytes().data(), hashes.size() * sizeof(uint64_t));
  return hashes;
}

std::string DatasetWriter::write_index() const {
  const MappedFile lengths(lengths_.path()), marks(marks_.path());
  Stream index(folder_, "index", 0);
  index.write(index_layout::kMagic);
  index.write(bytes_of(index_layout::kVersion));
  index.write(bytes_of(type_));
  index.write(bytes_of(state_.sequences));
  index.write(bytes_of(state_.documents + 1));
  index.write(text_of(lengths));
  int64_t pointer = 0;
  for (int64_t sequence = 0; sequence < state_.sequences; ++sequence) {
    index.write(bytes_of(pointer));
    int32_t length;
    std::memcpy(&length, lengths.bytes().data() + sequence * static_cast<int64_t>(sizeof length), sizeof length);
    pointer += length * token_bytes(type_);
  }
  index.write(bytes_of(int64_t{0}));
  index.write(text_of(marks));
  index.sync();
  return index.path();
}

void DatasetWriter::finish(const std::string& prefix) {
  flush();
  const std::string index = write_index();
  for (const auto& [from, to] : {std::pair{tokens_.path(), prefix + ".bin"}, {index, prefix + ".idx"}}) {
    if (::rename(from.c_str(), to.c_str()) != 0) fail(to, "replace");
  }
}

}  // namespace llmrun

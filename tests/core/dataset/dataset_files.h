#pragma once
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

namespace llmrun {

/// Megatron files written field by field from the format's description, so that the reader is not tested against our own writer.
/// Each member may be made to lie.
struct DatasetFiles {
  uint64_t version = 1;
  uint8_t code = 8;  // uint16
  std::vector<int32_t> lengths;
  std::vector<int64_t> pointers;
  std::vector<int64_t> documents{0};
  std::string data;
  int64_t sequences_claimed = -1;  // -1: the truth
  int64_t documents_claimed = -1;

  template <typename Stored>
  void add_document(const std::vector<Stored>& tokens) {
    pointers.push_back(static_cast<int64_t>(data.size()));
    lengths.push_back(static_cast<int32_t>(tokens.size()));
    documents.push_back(static_cast<int64_t>(lengths.size()));
    append(data, tokens.data(), tokens.size());
  }

  std::string index() const {
    std::string bytes("MMIDIDX\0\0", 9);
    const auto sequences = sequences_claimed < 0 ? static_cast<int64_t>(lengths.size()) : sequences_claimed;
    const auto marks = documents_claimed < 0 ? static_cast<int64_t>(documents.size()) : documents_claimed;
    append(bytes, &version, 1);
    append(bytes, &code, 1);
    append(bytes, &sequences, 1);
    append(bytes, &marks, 1);
    append(bytes, lengths.data(), lengths.size());
    append(bytes, pointers.data(), pointers.size());
    append(bytes, documents.data(), documents.size());
    return bytes;
  }

  void write(const std::string& prefix) const {
    std::ofstream(prefix + ".idx", std::ios::binary) << index();
    std::ofstream(prefix + ".bin", std::ios::binary) << data;
  }

 private:
  template <typename T>
  static void append(std::string& bytes, const T* values, size_t count) {
    bytes.append(reinterpret_cast<const char*>(values), count * sizeof(T));
  }
};

/// Two documents of uint16 tokens: 10 11 12 and 13 14.
inline DatasetFiles two_documents() {
  DatasetFiles files;
  files.add_document<uint16_t>({10, 11, 12});
  files.add_document<uint16_t>({13, 14});
  return files;
}

}  // namespace llmrun

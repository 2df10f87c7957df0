#include "engine/data/batches.h"

#include <algorithm>
#include <fstream>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "engine/core/dataset/dataset_card.h"
#include "engine/core/error.h"
#include "tests/core/dataset/dataset_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

const std::string kGolden = LLMRUN_SOURCE_DIR "/tests/golden/gpt2-tiny/tokens";

/// A dataset whose token at position i is `base` + i, in documents of 10.
void write_counting(const std::string& prefix, uint16_t base, int64_t tokens) {
  DatasetFiles files;
  for (int64_t begin = 0; begin < tokens; begin += 10) {
    std::vector<uint16_t> document(std::min<int64_t>(10, tokens - begin));
    std::iota(document.begin(), document.end(), base + begin);
    files.add_document(document);
  }
  files.write(prefix);
}

DataConfig config_of(std::vector<DataSource> train, DataOrder order = DataOrder::sequential) {
  DataConfig config;
  config.train = std::move(train);
  config.order = order;
  return config;
}

std::vector<int64_t> read(const TrainingData& data, int64_t first, int64_t count, int64_t seq_len) {
  std::vector<int64_t> tokens(count * (seq_len + 1));
  data.read(first, count, tokens.data());
  return tokens;
}

std::vector<int64_t> counting(int64_t begin, int64_t count) {
  std::vector<int64_t> tokens(count);
  std::iota(tokens.begin(), tokens.end(), begin);
  return tokens;
}

}  // namespace

TEST_CASE("sequential samples overlap by one token and cross document borders") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 65);
  const auto data = TrainingData::training(config_of({{directory / "data"}}), {.seq_len = 16, .seed = 1, .vocab = 100});
  CHECK(data.samples() == 4);
  for (int64_t i = 0; i < 9; ++i) CHECK(read(data, i, 1, 16) == counting(i % 4 * 16, 17));
}

TEST_CASE("where the document of each token of a sample begins, 0 where that is before the sample") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 65);  // documents of 10
  const auto data = TrainingData::training(config_of({{directory / "data"}}), {.seq_len = 16, .seed = 1, .vocab = 100});
  std::vector<int64_t> begins(2 * 17);
  data.document_begins(1, 2, begins.data());                                                  // tokens 16 to 32 and 32 to 48
  CHECK(begins == std::vector<int64_t>{0, 0, 0, 0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 14, 14, 14,  //
                                       0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8,  8,  8});
}

TEST_CASE("the last sample needs one token more than its inputs") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 64);
  const SampleShape shape{.seq_len = 16, .seed = 1, .vocab = 100};
  CHECK(TrainingData::training(config_of({{directory / "data"}}), shape).samples() == 3);
}

TEST_CASE("a golden step takes its samples where the golden run took them") {
  const auto data = TrainingData::training(config_of({{kGolden}}), {.seq_len = 64, .seed = 1, .vocab = 256});
  CHECK(data.samples() == 320);  // 40 steps of 8
  const auto step2 = read(data, 8, 8, 64);
  std::ifstream file(kGolden + ".bin", std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  bool equal = true;
  for (int64_t row = 0; row < 8; ++row) {
    for (int64_t i = 0; i < 65; ++i) {
      equal &= step2[row * 65 + i] == static_cast<uint8_t>(bytes[2 * ((8 + row) * 64 + i)]);
    }
  }
  CHECK(equal);
}

TEST_CASE("reading in any pieces, from any point, gives the same samples") {
  const auto data = TrainingData::training(config_of({{kGolden}}, DataOrder::shuffled), {.seq_len = 64, .seed = 5, .vocab = 256});
  const auto whole = read(data, 0, 700, 64);  // two epochs and more
  for (const int64_t piece : {1, 7, 100}) {
    std::vector<int64_t> joined;
    for (int64_t first = 0; first < 700; first += piece) {
      const auto some = read(data, first, std::min(piece, 700 - first), 64);
      joined.insert(joined.end(), some.begin(), some.end());
    }
    CHECK(joined == whole);
  }
  const auto again = TrainingData::training(config_of({{kGolden}}, DataOrder::shuffled), {.seq_len = 64, .seed = 5, .vocab = 256});
  CHECK(read(again, 350, 350, 64) == std::vector<int64_t>(whole.begin() + 350 * 65, whole.end()));
}

TEST_CASE("a blend mixes its datasets by weight and walks through each in order") {
  const TemporaryDirectory directory;
  write_counting(directory / "a", 0, 100);
  write_counting(directory / "b", 1000, 100);
  const auto data =
      TrainingData::training(config_of({{directory / "a", 1}, {directory / "b", 3}}), {.seq_len = 9, .seed = 1, .vocab = 2000});
  CHECK(data.samples() == 22);
  int64_t from_a = 0, from_b = 0;
  for (int64_t i = 0; i < 40; ++i) {
    const auto sample = read(data, i, 1, 9);
    int64_t& count = sample[0] < 1000 ? from_a : from_b;
    CHECK(sample == counting((sample[0] < 1000 ? 0 : 1000) + count % 11 * 9, 10));
    ++count;
  }
  CHECK(from_a == 10);
  CHECK(from_b == 30);
}

TEST_CASE("two shuffled datasets of a blend do not walk in step") {
  const auto data =
      TrainingData::training(config_of({{kGolden, 1}, {kGolden, 1}}, DataOrder::shuffled), {.seq_len = 64, .seed = 5, .vocab = 256});
  int same = 0;
  for (int64_t i = 0; i < 320; ++i) same += read(data, 2 * i, 1, 64) == read(data, 2 * i + 1, 1, 64);
  CHECK(same < 20);
}

TEST_CASE("split keeps training and validation apart, and each covers its share once an epoch") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 1001);
  DataConfig config = config_of({{directory / "data"}}, DataOrder::shuffled);
  config.split = {0.9, 0.1};
  const SampleShape shape{.seq_len = 10, .seed = 3, .vocab = 2000};
  const auto train = TrainingData::training(config, shape);
  const auto valid = TrainingData::validation(config, shape);
  REQUIRE(valid);
  CHECK(train.samples() == 90);
  CHECK(valid->samples() == 10);
  std::set<int64_t> begins;
  for (int64_t i = 0; i < 90; ++i) begins.insert(read(train, i, 1, 10)[0]);
  CHECK(begins.size() == 90);
  CHECK(*begins.rbegin() == 890);
  for (int64_t i = 0; i < 10; ++i) CHECK(read(*valid, i, 1, 10)[0] == 900 + 10 * i);
}

TEST_CASE("a split that is none is refused") {
  DataConfig config = config_of({{kGolden}});
  for (const std::vector<double>& split : {std::vector<double>{0, 0}, {1, 1, 1, 1}}) {
    config.split = split;
    CHECK_THROWS_WITH_AS(TrainingData::training(config, {.seq_len = 10, .seed = 3, .vocab = 256}), doctest::Contains("data.split"), Error);
  }
}

TEST_CASE("validation comes from data.valid where it is given, and nowhere else without a split") {
  const TemporaryDirectory directory;
  write_counting(directory / "valid", 500, 31);
  DataConfig config = config_of({{kGolden}}, DataOrder::shuffled);
  const SampleShape shape{.seq_len = 10, .seed = 3, .vocab = 1000};
  CHECK(!TrainingData::validation(config, shape));
  config.split = {1};
  CHECK(!TrainingData::validation(config, shape));
  config.valid = {{directory / "valid"}};
  const auto valid = TrainingData::validation(config, shape);
  REQUIRE(valid);
  CHECK(read(*valid, 2, 1, 10) == counting(520, 11));
}

TEST_CASE("synthetic tokens depend on the seed and the sample alone, and fill the vocabulary") {
  const DataConfig config;
  const SampleShape shape{.seq_len = 100, .seed = 3, .vocab = 17};
  const auto data = TrainingData::training(config, shape);
  CHECK(data.synthetic());
  CHECK(data.first_prefix() == "");
  const auto tokens = read(data, 0, 50, 100);
  CHECK(std::set<int64_t>(tokens.begin(), tokens.end()).size() == 17);
  CHECK(*std::max_element(tokens.begin(), tokens.end()) == 16);
  CHECK(read(data, 49, 1, 100) == std::vector<int64_t>(tokens.end() - 101, tokens.end()));
  CHECK(tokens[100] == tokens[101]);  // sample 0 ends where sample 1 begins, as in a real text
  CHECK(read(TrainingData::training(config, {.seq_len = 100, .seed = 4, .vocab = 17}), 0, 50, 100) != tokens);
  const auto far = read(data, int64_t{1} << 50, 1, 100);
  CHECK(*std::min_element(far.begin(), far.end()) >= 0);
}

TEST_CASE("a token outside the vocabulary is named with its dataset and position") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 100);
  const auto data = TrainingData::training(config_of({{directory / "data"}}), {.seq_len = 10, .seed = 1, .vocab = 57});
  CHECK(read(data, 4, 1, 10).size() == 11);
  try {
    read(data, 5, 1, 10);
    FAIL("token 57 passed a vocabulary of 57");
  } catch (const Error& error) {
    CHECK(error.code() == Exit::preflight);
    CHECK(std::string(error.what()) == "token 57 of '" + (directory / "data") + "' is 57, outside the model's vocabulary of 57");
  }
}

TEST_CASE("a negative token id is outside every vocabulary") {
  DatasetFiles files;
  files.code = 4;
  files.add_document<int32_t>({1, 2, -3, 4});
  const TemporaryDirectory directory;
  files.write(directory / "data");
  const auto data = TrainingData::training(config_of({{directory / "data"}}), {.seq_len = 3, .seed = 1, .vocab = 57});
  CHECK_THROWS_WITH_AS(read(data, 0, 1, 3), doctest::Contains("is -3, outside"), Error);
}

TEST_CASE("ids that the card knows to be too large are refused before the first step") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 100);
  std::ofstream(directory / "data.json") << to_json({.tokenizer = "bytes", .vocab = 256, .largest_id = 99, .documents = 10, .tokens = 100});
  const DataConfig config = config_of({{directory / "data"}});
  CHECK(TrainingData::training(config, {.seq_len = 10, .seed = 1, .vocab = 100}).samples() == 9);
  CHECK_THROWS_WITH_AS(TrainingData::training(config, {.seq_len = 10, .seed = 1, .vocab = 99}), doctest::Contains("ids up to 99"), Error);
}

TEST_CASE("too little data for one sample is refused with the arithmetic") {
  const TemporaryDirectory directory;
  write_counting(directory / "data", 0, 16);
  DataConfig config = config_of({{directory / "data"}});
  CHECK_THROWS_WITH_AS(TrainingData::training(config, {.seq_len = 16, .seed = 1, .vocab = 100}), doctest::Contains("has 16 tokens"), Error);
  CHECK(TrainingData::training(config, {.seq_len = 15, .seed = 1, .vocab = 100}).samples() == 1);
  config.split = {0.9, 0.1};
  CHECK_THROWS_WITH_AS(TrainingData::validation(config, {.seq_len = 15, .seed = 1, .vocab = 100}),
                       doctest::Contains("0 of them for validation"), Error);
  DatasetFiles{}.write(directory / "empty");
  CHECK_THROWS_AS(TrainingData::training(config_of({{directory / "empty"}}), {.seq_len = 1, .seed = 1, .vocab = 100}), Error);
}

}  // namespace llmrun

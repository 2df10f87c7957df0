// The tcp backend's transport over socket pairs, without LibTorch: the preset `tsan` builds this under ThreadSanitizer.
#include "engine/comm/tcp_transport.h"

#include <sys/socket.h>

#include "tests/support/test.h"

using namespace llmrun;

namespace {

constexpr int kRanks = 3;

std::vector<std::unique_ptr<TcpTransport>> connected_transports() {
  std::vector<std::vector<TcpPeer>> peers(kRanks);
  for (auto& others : peers) others.resize(kRanks);
  for (int a = 0; a < kRanks; ++a) {
    for (int b = a + 1; b < kRanks; ++b) {
      int pair[2];
      CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
      peers[a][b] = {Socket(pair[0]), "here"};
      peers[b][a] = {Socket(pair[1]), "here"};
    }
  }
  std::vector<std::unique_ptr<TcpTransport>> transports;
  for (int rank = 0; rank < kRanks; ++rank) transports.push_back(std::make_unique<TcpTransport>(rank, std::move(peers[rank])));
  return transports;
}

template <typename RankMain>
void on_threads(RankMain rank_main) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < kRanks; ++rank) threads.emplace_back([&, rank] { rank_main(rank); });
  for (auto& thread : threads) thread.join();
}

Envelope envelope(size_t bytes, uint64_t tag = 1) { return {7, tag, {.verb = Verb::message, .count = static_cast<int64_t>(bytes)}}; }

std::vector<std::byte> bytes_of(int value, size_t count) { return std::vector<std::byte>(count, static_cast<std::byte>(value)); }

}  // namespace

TEST_CASE("every rank sends to every other at once, small and larger than a socket holds") {
  auto transports = connected_transports();
  on_threads([&](int rank) {
    TcpTransport& transport = *transports[rank];
    for (int round = 0; round < 40; ++round) {
      const size_t count = round % 4 == 0 ? 700'001 : round;
      std::vector<std::vector<std::byte>> in(kRanks, bytes_of(0, count));
      const auto arrivals = std::make_shared<Arrivals>(kRanks - 1);
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer != rank && round % 2 == 0) transport.receive(peer, envelope(count), in[peer], arrivals);
      }
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer != rank) transport.send(peer, envelope(count), bytes_of(rank * 50 + round, count));
      }
      for (int peer = 0; peer < kRanks; ++peer) {
        if (peer != rank && round % 2 == 1) transport.receive(peer, envelope(count), in[peer], arrivals);
      }
      transport.wait(*arrivals);
      for (int peer = 0; peer < kRanks; ++peer) CHECK((peer == rank || in[peer] == bytes_of(peer * 50 + round, count)));
    }
  });
}

TEST_CASE("what follows the last arrival runs before the wait is over, and may send") {
  auto transports = connected_transports();
  on_threads([&](int rank) {  // a token goes round: each rank passes it on as soon as it has it
    TcpTransport& transport = *transports[rank];
    const int next = (rank + 1) % kRanks;
    for (uint64_t tag = 1; tag <= 50; ++tag) {
      auto token = bytes_of(static_cast<int>(tag), 4);
      std::vector<std::byte> in(4);
      const auto arrivals = std::make_shared<Arrivals>(1, [&] {
        if (rank != 0) transport.send(next, envelope(4, tag), in);
      });
      transport.receive((rank + kRanks - 1) % kRanks, envelope(4, tag), in, arrivals);
      if (rank == 0) transport.send(next, envelope(4, tag), token);
      transport.wait(*arrivals);
      CHECK(in == token);
    }
  });
}

TEST_CASE("an abort reaches every rank, with the name of the one that made it") {
  for (int round = 0; round < 20; ++round) {
    auto transports = connected_transports();
    on_threads([&](int rank) {
      if (rank == 2) return transports[2]->abort();
      std::vector<std::byte> in(8);
      const auto arrivals = std::make_shared<Arrivals>(1);
      std::string said;
      try {
        transports[rank]->receive(1 - rank, envelope(8), in, arrivals);
        transports[rank]->wait(*arrivals);
      } catch (const BrokenPort& broken) {
        said = broken.what();
      }
      CHECK(said == "world rank 2 aborted");
    });
  }
}

TEST_CASE("a rank that is through may leave while the others go on") {
  auto transports = connected_transports();
  transports[2]->send(0, envelope(3), bytes_of(9, 3));
  transports[2].reset();
  std::vector<std::byte> in(3);
  const auto arrivals = std::make_shared<Arrivals>(2);
  transports[0]->receive(2, envelope(3), in, arrivals);
  std::vector<std::byte> from_one(3);
  transports[0]->receive(1, envelope(3), from_one, arrivals);
  transports[1]->send(0, envelope(3), bytes_of(1, 3));
  transports[0]->wait(*arrivals);
  CHECK(in == bytes_of(9, 3));
  CHECK(from_one == bytes_of(1, 3));
}

#include "engine/comm/tcp.h"

#include <sys/socket.h>

#include <cstring>
#include <thread>

#include "engine/comm/socket.h"
#include "engine/core/error.h"
#include "tests/support/memory_rendezvous.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

TEST_CASE("strangers who connect are not seated, and hold nobody up") {
  MemoryStore store;
  MemoryRendezvous zero({0, 2, 0, 2}, store);
  MemoryRendezvous one({1, 2, 1, 2}, store);
  std::shared_ptr<Communicator> world_zero;
  std::thread rank_zero([&] { world_zero = make_tcp_world(zero); });

  const std::string address = one.get("tcp/0", 10);  // and the name of its host
  const Endpoint endpoint = parse_endpoint(address.substr(0, address.find(' ')));
  const Socket silent = connect_to(endpoint, 10);
  const Socket liar = connect_to(endpoint, 10);
  char hello[100];  // as a rank 1 that has guessed the token: token, rank, host
  std::memset(hello, 'a', sizeof hello);
  const int rank = 1;
  std::memcpy(hello + 32, &rank, sizeof rank);
  CHECK(send_all(liar, hello, sizeof hello));

  const auto world_one = make_tcp_world(one);
  rank_zero.join();
  char byte = 0;
  CHECK(::recv(liar.get(), &byte, 1, 0) <= 0);  // it was hung up on
  std::thread meet([&] { world_zero->barrier(); });
  world_one->barrier();
  meet.join();
}

TEST_CASE("a listener is bound to the one address, and says where it is") {
  const Socket listener = listen_on("127.0.0.1");
  const Endpoint endpoint = endpoint_of(listener);
  CHECK(endpoint.address == "127.0.0.1");
  CHECK(endpoint.port != 0);
  CHECK(parse_endpoint(endpoint.text()).port == endpoint.port);
  CHECK(connect_to(endpoint, 1));
}

TEST_CASE("an address is the one given, else the interface's, else loopback for ranks on one host") {
  ::setenv("LLMRUN_ADDRESS", "127.0.0.2", 1);
  CHECK(own_address(true) == "127.0.0.2");
  ::unsetenv("LLMRUN_ADDRESS");
  ::setenv("LLMRUN_INTERFACE", "no-such-interface", 1);
  CHECK_THROWS_AS(own_address(true), Error);
  ::unsetenv("LLMRUN_INTERFACE");
  CHECK(own_address(true) == "127.0.0.1");
}

TEST_CASE("what is not an address and a port is refused") {
  for (const char* text : {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:0", "10.0.0.1:70000"}) {
    CHECK_THROWS_AS(parse_endpoint(text), Error);
  }
}

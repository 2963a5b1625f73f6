// Command collector is the OpenTelemetry Collector's own receivers of OTLP (gRPC and HTTP) and of Zipkin, on loopback.
// The first line of its output says where they listen; each further one is what a receiver took, as OTLP's JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/zipkinreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

var output sync.Mutex

func printLine(receiver string, body []byte, err error) error {
	if err != nil {
		return err
	}
	output.Lock()
	defer output.Unlock()
	_, err = fmt.Printf("{\"receiver\":%q,\"data\":%s}\n", receiver, body)
	return err
}

func traces(receiver string) consumer.Traces {
	taken, err := consumer.NewTraces(func(_ context.Context, spans ptrace.Traces) error {
		body, err := (&ptrace.JSONMarshaler{}).MarshalTraces(spans)
		return printLine(receiver, body, err)
	})
	check(err)
	return taken
}

func logs(receiver string) consumer.Logs {
	taken, err := consumer.NewLogs(func(_ context.Context, records plog.Logs) error {
		body, err := (&plog.JSONMarshaler{}).MarshalLogs(records)
		return printLine(receiver, body, err)
	})
	check(err)
	return taken
}

func metrics(receiver string) consumer.Metrics {
	taken, err := consumer.NewMetrics(func(_ context.Context, points pmetric.Metrics) error {
		body, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(points)
		return printLine(receiver, body, err)
	})
	check(err)
	return taken
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// address is one of loopback that is free now.
func address() confignet.AddrConfig {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	defer listener.Close()
	return confignet.AddrConfig{Endpoint: listener.Addr().String(), Transport: confignet.TransportTypeTCP}
}

func main() {
	ctx, host := context.Background(), componenttest.NewNopHost()
	grpc, http, zipkin := address(), address(), address()
	start := func(part component.Component, err error) {
		check(err)
		check(part.Start(ctx, host))
	}

	otlp := otlpreceiver.NewFactory()
	receive := func(name string, protocols otlpreceiver.Protocols) {
		settings, config := receivertest.NewNopSettings(otlp.Type()), &otlpreceiver.Config{Protocols: protocols}
		spans, err := otlp.CreateTraces(ctx, settings, config, traces(name))
		check(err)
		// they share one server, which starts with the first
		records, err := otlp.CreateLogs(ctx, settings, config, logs(name))
		check(err)
		points, err := otlp.CreateMetrics(ctx, settings, config, metrics(name))
		start(spans, err)
		start(records, err)
		start(points, err)
	}
	receive("grpc", otlpreceiver.Protocols{GRPC: configoptional.Some(configgrpc.ServerConfig{NetAddr: grpc})})
	receive("http", otlpreceiver.Protocols{HTTP: configoptional.Some(otlpreceiver.HTTPConfig{
		ServerConfig:   confighttp.ServerConfig{NetAddr: http},
		TracesURLPath:  "/v1/traces",
		MetricsURLPath: "/v1/metrics",
		LogsURLPath:    "/v1/logs",
	})})

	zipkins := zipkinreceiver.NewFactory()
	ofZipkin := zipkins.CreateDefaultConfig().(*zipkinreceiver.Config)
	ofZipkin.NetAddr = zipkin
	start(zipkins.CreateTraces(ctx, receiver.Settings(receivertest.NewNopSettings(zipkins.Type())), ofZipkin, traces("zipkin")))

	check(json.NewEncoder(os.Stdout).Encode(map[string]string{"grpc": grpc.Endpoint, "http": http.Endpoint, "zipkin": zipkin.Endpoint}))
	select {}
}

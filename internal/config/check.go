package config

import (
	"time"

	"github.com/inservice/inservice/internal/matcher"
)

// Check is one question that the agent asks again and again. Exactly one kind, which is
// one of the pointers, is set.
type Check struct {
	// Name is unique, of letters, digits, - _ and dots; default the key of the kind,
	// such as sql.
	Name        string            `yaml:"name"`
	SQL         *SQLCheck         `yaml:"sql"`
	HTTP        *HTTPCheck        `yaml:"http"`
	TCP         *TCPCheck         `yaml:"tcp"`
	Redis       *RedisCheck       `yaml:"redis"`
	GRPC        *GRPCCheck        `yaml:"grpc"`
	Disk        *DiskCheck        `yaml:"disk"`
	Memory      *MemoryCheck      `yaml:"memory"`
	Exec        *ExecCheck        `yaml:"exec"`
	Certificate *CertificateCheck `yaml:"certificate"`
	App         *AppCheck         `yaml:"app"`
	// Interval is the time from the start of one run to the start of the next. At
	// least 10ms; default 5s.
	Interval time.Duration `yaml:"interval" default:"5s"`
	// Timeout is the time one run may take. At least 10ms; default 2s. It may exceed
	// Interval: runs never overlap.
	Timeout time.Duration `yaml:"timeout" default:"2s"`
	// HealthyThreshold is how many passes in a row make a failed check pass again. At
	// least 1, the default.
	HealthyThreshold int `yaml:"healthy_threshold" default:"1"`
	// UnhealthyThreshold is how many failures in a row make a check fail. At least 1, the
	// default.
	UnhealthyThreshold int `yaml:"unhealthy_threshold" default:"1"`
	// WarnOnly is written critical: false, for what the server can do without: its
	// failure degrades the server but leaves it in service. Default critical: true, false.
	WarnOnly bool `yaml:"critical" default:"true" parse:"critical"`
	// Shared is written scope: shared, for what all servers depend on: its failure
	// degrades the server but leaves it in service. Default scope: instance, false.
	Shared bool `yaml:"scope" default:"instance" parse:"scope"`
}

// SQLCheck passes when the query succeeds.
type SQLCheck struct {
	// Driver is postgres (also postgresql, pgx), mysql (also mariadb) or sqlite (also
	// sqlite3); an alias is replaced by the first name. Default: what the DSN looks like,
	// such as postgres for postgres://….
	Driver string `yaml:"driver"`
	// DSN says where the database is and how to log in. Must be given. Never printed.
	DSN string `yaml:"dsn,secret"`
	// Query is run as it stands; default "select 1".
	Query string `yaml:"query" default:"select 1"`
}

// HTTPCheck passes when GET of the URL answers with a listed status code.
type HTTPCheck struct {
	// URL is absolute, http or https. Must be given. Never printed, as it may hold a
	// password or a key.
	URL string `yaml:"url,secret"`
	// Host is the Host header. Default: the URL's host.
	Host string `yaml:"host"`
	// Status is the status codes that pass, such as "200,204"; default 200-299.
	Status matcher.Set `yaml:"status" default:"200-299"`
}

// TCPCheck passes when a connection can be opened.
type TCPCheck struct {
	// Address is host:port, port 1 to 65535. Must be given.
	Address string `yaml:"address"`
}

// RedisCheck passes when a Redis server answers PING.
type RedisCheck struct {
	// Address is host:port, port 1 to 65535, or the path of a Unix socket, which begins
	// with a slash. Must be given.
	Address string `yaml:"address"`
	// Username and Password log in. Optional: with neither there is no login; without
	// Username it is that of the user "default". The password is never printed.
	Username string `yaml:"username"`
	Password string `yaml:"password,secret"`
	// Database is the number of the database to select, at least 0, the default.
	Database int `yaml:"database"`
	// TLS says whether to speak TLS, with a certificate that is verified for the host of
	// Address; not over a Unix socket. Default false.
	TLS bool `yaml:"tls"`
}

// GRPCCheck passes when a gRPC server's health service says SERVING.
type GRPCCheck struct {
	// Address is host:port, port 1 to 65535, or unix: and the path of a socket. Must be
	// given.
	Address string `yaml:"address"`
	// Service is the name of the service to ask for, such as shop.Orders. Default: the
	// server as a whole.
	Service string `yaml:"service"`
	// Authority is the name to ask for, and with TLS that of the certificate: a name or
	// an address (IPv6 in brackets), with a port if need be. Default: Address.
	Authority string `yaml:"authority"`
	// TLS says whether to speak TLS, with a certificate that is verified. Default false.
	TLS bool `yaml:"tls"`
}

// DiskCheck passes while a filesystem has space left. Linux only.
type DiskCheck struct {
	// Path is a file or directory of the filesystem; with Writable a directory. Must be
	// given.
	Path string `yaml:"path"`
	// MinFree is the space that must be free, as df shows it: a size in KiB, MiB, GiB or
	// TiB, such as 500MiB, or a percentage such as 5%; more than 0. Default 100MiB.
	MinFree Amount `yaml:"min_free" parse:"size"`
	// MinInodes is how many inodes must be free: a number, or a percentage such as 5%;
	// more than 0. Default 1000.
	MinInodes Amount `yaml:"min_inodes" parse:"count"`
	// Writable says whether to write a small file in Path too. Default false.
	Writable bool `yaml:"writable"`
}

// Amount is a number of something or a percentage of what there is; the other is zero. Both
// are zero when nothing is written.
type Amount struct {
	Number  uint64  // in bytes where it is a size
	Percent float64 // up to 100
}

// MemoryCheck passes while memory is left, by the limits of the agent's cgroup and those
// above it, or else by the machine's memory. Linux only. All are percentages with their
// sign, more than 0%; 100% switches a bound off. Zero stands for the default.
type MemoryCheck struct {
	// MaxUsed is how much may be used, caches of files aside. Default 95%.
	MaxUsed float64 `yaml:"max_used" parse:"percent"`
	// MaxStalled is for how much of the last ten seconds all programs may have stood
	// still at once, waiting for memory. Default 60%, or no bound where the kernel has no
	// figures.
	MaxStalled float64 `yaml:"max_stalled" parse:"percent"`
	// MaxSomeStalled is the same for at least one program. Default 100%.
	MaxSomeStalled float64 `yaml:"max_some_stalled" parse:"percent"`
}

// ExecCheck passes when a program ends with status 0. It is killed, with its children, at
// the check's timeout. It has the agent's environment with all secrets in it, and what it
// prints is in the check's result.
type ExecCheck struct {
	// Command is the program, as a path or a name to look for in PATH, and its arguments.
	// Must be given. There is no shell unless it is the program. Never printed.
	Command []string `yaml:"command"`
	// Dir is the directory it runs in. Default: the agent's.
	Dir string `yaml:"dir"`
}

// CertificateCheck passes while a certificate is valid and has days left. Exactly one of
// Address and File must be given.
type CertificateCheck struct {
	// Address is host:port of a TLS server, port 1 to 65535.
	Address string `yaml:"address"`
	// File is the path of a PEM file, of which every certificate must last.
	File string `yaml:"file"`
	// ServerName is the name or address that the certificate must be for, and that a
	// server is asked for. Default: the host of Address; with File, any.
	ServerName string `yaml:"server_name"`
	// MinDays is how many days must be left, 1 to 36500. Default 14, or a third of the
	// certificate's life where that is less; 0 stands for it.
	MinDays int `yaml:"min_days" parse:"days"`
	// DatesOnly says whether to look at a server's dates alone, whatever name its
	// certificate is for and whoever has issued it. Not with File. Default false.
	DatesOnly bool `yaml:"dates_only"`
}

// AppCheck passes when the app behind the gateway answers a visitor's request with a listed
// status code. The request goes straight to [Agent.App]. Gateway only.
type AppCheck struct {
	// Path is what is asked for, with query if need be, percent-encoded. Starts with /;
	// default "/".
	Path string `yaml:"path" default:"/"`
	// Host is the Host header: a name or an address (IPv6 in brackets), with a port if
	// need be. Default, filled in: the first plain name among [Agent.AllowedHosts], or
	// else the name of the first .suffix, or else the app's address, which is localhost
	// for a socket.
	Host string `yaml:"host"`
	// Status is the status codes that pass; default 200-399, as a page that sends to a
	// login is an answer too. A 4xx is not: an app answers 400 to a host, and 404 to a
	// path, that is mistyped here, and the check would say nothing about the site.
	Status matcher.Set `yaml:"status" default:"200-399"`
	// HTTPS says whether the request tells the app, by X-Forwarded-Proto, that its visitor
	// came by https. Default true.
	HTTPS bool `yaml:"https" default:"true"`
}

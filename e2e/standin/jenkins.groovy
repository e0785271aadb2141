// Plays Jenkins for a Jenkinsfile: real Groovy runs the file, and these are its steps. A
// script of "sh" runs for real, on this machine instead of in a container. Agents, the
// checkout and the archive are left out, but an archive must find files. The variables of the
// build, and the token's file that the credential "sigstore" is, are those that "pipeseal-lab
// run --ci jenkins" gave this process.
//
//     java -cp groovy.jar groovy.ui.GroovyMain jenkins.groovy Jenkinsfile

class Steps {
    final Map<String, String> env = new LinkedHashMap<>(System.getenv())
    Throwable failure
    final String POD_LABEL = 'pod'
    final Object scm = 'scm'

    Steps() {
        env.WORKSPACE_TMP = env.WORKSPACE + '@tmp'
        env.remove('STAGE_NAME')
    }

    def propertyMissing(String name) { env.get(name) ?: { throw new MissingPropertyException(name, Steps) }() }

    void run(Closure body) {
        body.delegate = this
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
    }

    void with(Map<String, String> more, Closure body) {
        def before = new LinkedHashMap<>(env)
        env.putAll(more)
        try { run(body) } finally { env.clear(); env.putAll(before) }
    }

    // As durable-task runs it: every command is shown, and the first that fails ends it.
    void sh(String script) {
        def process = new ProcessBuilder('sh', '-xec', script).inheritIO()
        process.environment().clear()
        process.environment().putAll(env)
        int code = process.start().waitFor()
        if (code != 0) { throw new RuntimeException("sh: exit code $code") }
    }

    // Scripted.
    void node(String label, Closure body) { run(body) }
    void stage(String name, Closure body) { println "[$name]"; with([STAGE_NAME: name], body) }
    void withEnv(List<String> more, Closure body) { with(more.collectEntries { it.split('=', 2) as List }, body) }
    void container(String name, Closure body) { run(body) }
    void podTemplate(Map settings, Closure body) { assert settings.yaml; run(body) }
    String readTrusted(String path) { new File(path).text }
    def getDocker() { this }
    def getCurrentBuild() { [currentResult: failure ? 'FAILURE' : 'SUCCESS'] }
    def image(String name) { new Image(steps: this) }
    void checkout(Object what) { }
    void archiveArtifacts(String what) { archiveArtifacts(artifacts: what) }
    void archiveArtifacts(Map what) {
        def kept = new groovy.ant.FileNameFinder().getFileNames('.', what.artifacts.split(', *').join(' '))
        if (!kept && !what.allowEmptyArchive) { throw new RuntimeException("no artifacts match $what.artifacts") }
    }
    void withCredentials(List<Map> bindings, Closure body) { with(bindings.collectEntries { it }, body) }
    Map file(Map c) {
        assert c.credentialsId == 'sigstore'
        [(c.variable): System.getenv('PIPESEAL_TOKEN_FILE')]
    }
    Map usernamePassword(Map c) { [(c.usernameVariable): 'octocat', (c.passwordVariable): 'secret'] }

    // Declarative.
    void pipeline(Closure body) { run(body); if (failure) { throw failure } }
    void agent(Closure body) { }
    void options(Closure body) { }
    void environment(Closure body) {
        body.delegate = new Assignments(steps: this)
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
    }
    void stages(Closure body) { try { run(body) } catch (Throwable t) { failure = t } }
    void steps(Closure body) { run(body) }
    void script(Closure body) { run(body) }
    void post(Closure body) { run(body) }
    void always(Closure body) { run(body) }
    void unsuccessful(Closure body) { if (failure) { run(body) } }
}

class Image {
    Steps steps
    void inside(Closure body) { steps.run(body) }
}

class Assignments {
    Steps steps
    Map getEnv() { steps.env }
    void propertyMissing(String name, Object value) { steps.env.put(name, value as String) }
    Object propertyMissing(String name) { steps.env.get(name) }
}

// A Jenkinsfile's own top level is a script, so that its steps are looked for in its delegate.
def text = new File(args[0]).text
def steps = new Steps()
def configuration = new org.codehaus.groovy.control.CompilerConfiguration(scriptBaseClass: DelegatingScript.name)
def file = new GroovyShell(Steps.classLoader, new Binding(), configuration).parse(text, 'Jenkinsfile')
file.setDelegate(steps)
file.run()
